// The response firewall towards each tool server, built anew when its rules, its limits or the secrets that server was given change.
import type { JsonGuard } from '../base/json/types.js';
import type { Snapshot } from '../chain/snapshot.js';
import type { SentSecrets } from '../engines/secrets/sent-secrets.js';
import { createResponseFirewall, type ResponseFirewall } from '../response/index.js';
import { limitsOf } from './answers.js';

export interface Firewalls {
  /** As of now: ask again for each message, as the server may have been given another secret meanwhile. */
  of(snapshot: Snapshot, url: string): ResponseFirewall;
}

interface Made {
  readonly rules: Snapshot['responseRules'];
  readonly config: Snapshot['config'];
  readonly secrets: readonly string[];
  readonly firewall: ResponseFirewall;
}

export function createFirewalls(guard: JsonGuard, sentSecrets: SentSecrets): Firewalls {
  const made = new Map<string, Made>(); // as many as the registry names servers
  return {
    of({ responseRules: rules, config }, url) {
      const secrets = sentSecrets.of(url);
      const known = made.get(url);
      if (known !== undefined && known.rules === rules && known.config === config && known.secrets === secrets) return known.firewall;
      const firewall = createResponseFirewall(rules, guard, limitsOf(config), secrets);
      made.set(url, { rules, config, secrets, firewall });
      return firewall;
    },
  };
}
