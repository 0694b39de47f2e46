// Lists every upstream's tools at start, on an interval and when asked, and tells everybody what was seen. Runs in the control thread.
import { parseJson } from '../base/json/parse-json.js';
import type { Clock } from '../base/clock/clock.js';
import { withheldText } from '../base/text/withheld.js';
import { findPoison } from '../engines/registry/poison.js';
import type { ObserveResult, Observations } from '../engines/registry/observations.js';
import type { ToolsReader } from '../engines/registry/served-tools.js';
import type { ToolRegistry } from '../engines/registry/types.js';
import type { UpstreamClient } from '../upstream/types.js';
import type { ListingHistory, UpstreamFacts } from '../threads/messages.js';
import { listTools, type ToolListing } from '../upstream/tool-lister.js';

const SERVER_NAME_CHARS_MAX = 200; // for people to read

export interface RegistryRefresh {
  /** One listing for all who wait; resolves when the state is as fresh as it can be had, whatever came of it. */
  refresh(upstream: string): Promise<void>;
  refreshAll(): Promise<void>;
  setRegistry(registry: ToolRegistry): void;
  factsOf(upstream: string): UpstreamFacts | undefined;
  /** Undefined until it was listed, or could not be. */
  historyOf(upstream: string): ListingHistory | undefined;
}

export interface RefreshOptions {
  readonly client: UpstreamClient;
  readonly observations: Observations;
  readonly registry: ToolRegistry;
  readonly reader: ToolsReader;
  readonly listTimeoutMs: () => number;
  readonly version: string;
  readonly clock: Clock;
  /** Something is known now that was not before; `changed` when a tool's state is another. */
  readonly publish: (changed: boolean) => void;
  /** For the audit log: rug pulls, poisoned definitions, an upstream going down or coming back. */
  readonly event: (event: string, details: Readonly<Record<string, string | readonly string[]>>) => void;
  /** Whether a server's word is a secret that it was given, in any form. Throws where that takes too much to tell. */
  readonly holdsSecret: (upstream: string, word: string) => boolean;
}

export function createRegistryRefresh(options: RefreshOptions): RegistryRefresh {
  const underWay = new Map<string, Promise<void>>();
  const facts = new Map<string, UpstreamFacts>();
  const history = new Map<string, ListingHistory>();
  /** By the hash of the definition, what of the last listing was told: a server may have a new text for each. */
  const poisoned = new Map<string, ReadonlySet<string>>();
  let registry = options.registry;

  const refresh = (upstream: string): Promise<void> => {
    const running = underWay.get(upstream);
    if (running !== undefined) return running;
    const started = list(upstream).finally(() => underWay.delete(upstream));
    underWay.set(upstream, started);
    return started;
  };

  const list = async (upstream: string): Promise<void> => {
    const before = stateOf(upstream);
    const startedMs = options.clock.monotonicMs();
    const note = (now: 'up' | 'down'): void => {
      const triedMs = options.clock.nowMs();
      const sinceMs = before === now ? history.get(upstream)?.sinceMs ?? triedMs : triedMs;
      history.set(upstream, { sinceMs, triedMs, tookMs: options.clock.monotonicMs() - startedMs });
    };
    try {
      const listing = await listTools(options.client, upstream, {
        timeoutMs: options.listTimeoutMs(), clientInfo: { name: 'precinct', version: options.version }, monotonicMs: options.clock.monotonicMs,
        parseToolsList: (bytes) => options.reader.parseToolsListInTurns(bytes),
      });
      facts.set(upstream, factsIn(listing));
      note('up');
      const result = options.observations.observe(upstream, listing.tools, options.clock.nowMs());
      tell(result, before === 'down' ? upstream : undefined);
      tellPoison(upstream, listing);
      options.publish(result.changed.length > 0);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : 'unknown';
      options.observations.observeFailure(upstream, reason);
      note('down');
      if (before !== 'down') options.event('upstream_down', { upstream, reason });
      options.publish(false);
    }
  };

  const stateOf = (upstream: string): string | undefined => options.observations.upstreams().find((one) => one.url === upstream)?.state;

  const tell = (result: ObserveResult, backUp: string | undefined): void => {
    if (backUp !== undefined) options.event('upstream_up', { upstream: backUp });
    if (result.rugPulls.length > 0) options.event('tool_definition_changed', { tools: result.rugPulls });
  };

  const fitForRecords = (upstream: string, word: string): string => {
    try {
      if (!options.holdsSecret(upstream, word)) return word;
    } catch {
      // Nobody knows: it is withheld.
    }
    return withheldText(['secret'], word.length);
  };

  /** A poisoned definition is told once for as long as it is served, registered or not. */
  const tellPoison = (upstream: string, listing: ToolListing): void => {
    const told = poisoned.get(upstream);
    const now = new Set<string>();
    for (const tool of listing.tools) {
      if (now.has(tool.definitionHash)) continue;
      if (told?.has(tool.definitionHash) !== true) {
        const reasons = findPoison(parseJson(tool.text));
        if (reasons.length === 0) continue;
        options.event('tool_definition_poisoned', { upstream, tool: fitForRecords(upstream, tool.name), reasons: [...new Set(reasons.map((reason) => reason.kind))] });
      }
      now.add(tool.definitionHash);
    }
    poisoned.set(upstream, now);
  };

  return {
    refresh,
    async refreshAll() {
      await Promise.all(registry.upstreams.map(refresh));
    },
    setRegistry(next) {
      registry = next;
      for (const known of [facts, history, poisoned]) for (const upstream of known.keys()) if (!next.upstreams.includes(upstream)) known.delete(upstream);
      tell(options.observations.setRegistry(next), undefined);
    },
    factsOf: (upstream) => facts.get(upstream),
    historyOf: (upstream) => history.get(upstream),
  };
}

function factsIn({ era, capabilities, instructions, protocolVersion, versions, serverInfo }: ToolListing): UpstreamFacts {
  const named = (member: 'name' | 'version'): string => {
    const value = serverInfo[member];
    return typeof value === 'string' ? value.slice(0, SERVER_NAME_CHARS_MAX) : '';
  };
  return { modern: era === 'modern', capabilities, instructions, protocolVersion, versions, server: { name: named('name'), version: named('version') } };
}
