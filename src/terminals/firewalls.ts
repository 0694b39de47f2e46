// The response firewall towards each tool server, built anew when its rules, its limits or the secrets that server was given change; and towards all of them.
import type { JsonGuard } from '../base/json/types.js';
import type { MessageReader } from '../base/workers/message-reader.js';
import type { Snapshot } from '../chain/snapshot.js';
import type { SentSecrets } from '../engines/secrets/sent-secrets.js';
import { createResponseFirewall, type ResponseFirewall } from '../response/index.js';
import { scrubFor } from '../response/03-scrub-secrets.js';
import { limitsOf, listLimitsOf } from './answers.js';

export interface Firewalls {
  /** As of now: ask again for each message, as the server may have been given another secret meanwhile. */
  of(snapshot: Snapshot, url: string): ResponseFirewall;
  /** For what the gateway puts together from the words of all its servers. */
  ofAll(snapshot: Snapshot): ResponseFirewall;
}

interface Made {
  readonly rules: Snapshot['responseRules'];
  readonly config: Snapshot['config'];
  readonly secrets: readonly string[];
  readonly firewall: ResponseFirewall;
}

export function createFirewalls(guard: JsonGuard, sentSecrets: SentSecrets, reader: MessageReader): Firewalls {
  const made = new Map<string, Made>(); // as many as the registry names servers
  const firewallFor = ({ responseRules, config }: Snapshot, secrets: readonly string[], limits = limitsOf(config)): ResponseFirewall =>
    createResponseFirewall(responseRules, guard, limits, scrubFor(secrets, reader, config.dlp.inline_bytes_max));
  return {
    of(snapshot, url) {
      const { responseRules: rules, config } = snapshot;
      const secrets = sentSecrets.of(url);
      const known = made.get(url);
      if (known !== undefined && known.rules === rules && known.config === config && known.secrets === secrets) return known.firewall;
      const firewall = firewallFor(snapshot, secrets);
      made.set(url, { rules, config, secrets, firewall });
      return firewall;
    },
    ofAll: (snapshot) => firewallFor(snapshot, snapshot.registry.upstreams.flatMap((url) => sentSecrets.of(url)), listLimitsOf(snapshot.config)),
  };
}
