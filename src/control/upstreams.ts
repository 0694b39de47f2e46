// GET /v1/upstreams: each tool server of the registry, what it said of itself, how its tools stand, and what goes to it now.
import type { BreakerState } from '../engines/limits/types.js';
import type { RegisteredTool, ToolState } from '../engines/registry/types.js';
import type { GatewayStats, UpstreamReport } from '../threads/messages.js';
import type { UpstreamLoad } from '../upstream/types.js';
import type { ControlParts } from './parts.js';
import type { Route } from './server.js';
import { processOf, sum, timeOf } from './status.js';

const STATES: readonly ToolState['kind'][] = ['verified', 'mismatch', 'absent', 'unknown'];
const SEVERITY: Readonly<Record<BreakerState['kind'], number>> = { closed: 0, half_open: 1, open: 2 };
const DECIMALS = 10;

export function upstreamRoutes(parts: ControlParts): Route[] {
  return [{ method: 'GET', path: '/v1/upstreams', answer: async () => ({ status: 200, json: { upstreams: describeAll(parts, await parts.threads.stats()) } }) }];
}

/** Each list is gone through once, however many upstreams there are. */
function describeAll(parts: ControlParts, stats: readonly GatewayStats[]): unknown[] {
  const registered = groupBy(parts.inForce().registry.tools.values(), (tool) => tool.upstream);
  const strangers = groupBy(parts.observations.unregistered(), ({ upstream }) => upstream);
  const breakers = groupBy(new Map(stats.flatMap((one) => one.breakers)), ([key]) => key.slice(0, key.indexOf(' ')));
  const loads = groupBy(stats.flatMap((one) => one.upstreams), ({ url }) => url);
  return parts.upstreams().map((upstream) => {
    const { url } = upstream;
    const tools = registered.get(url) ?? [];
    return {
      ...greetingOf(parts, upstream),
      tools: { served: upstream.tools, ...standingOf(tools, tools.map((tool) => parts.observations.stateOf(tool))), unregistered: strangers.get(url)?.length ?? 0 },
      breakers: breakersOf(breakers.get(url) ?? []),
      load: loadOf(loads.get(url) ?? []),
    };
  });
}

function groupBy<Item>(items: Iterable<Item>, keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

function greetingOf(parts: ControlParts, { url, state, error, verifiedMs, process }: UpstreamReport): object {
  const facts = parts.greeted(url);
  const listing = parts.listings(url);
  return {
    url, state, since: timeOf(listing?.sinceMs ?? 0), error: error ?? null,
    listed_at: timeOf(verifiedMs), tried_at: timeOf(listing?.triedMs ?? 0), list_ms: listing === undefined ? null : Math.round(listing.tookMs * DECIMALS) / DECIMALS,
    era: facts === undefined ? null : facts.modern ? 'modern' : 'legacy', protocol_version: facts?.protocolVersion ?? null, versions: facts?.versions ?? [],
    server: facts?.server ?? null, capabilities: facts?.capabilities ?? {}, has_instructions: facts?.instructions !== undefined,
    ...(process === undefined ? {} : { process: processOf(process) }),
  };
}

function standingOf(tools: readonly RegisteredTool[], states: readonly ToolState[]): object {
  const named = (kind: ToolState['kind']): string[] => tools.filter((_, at) => states[at]?.kind === kind).map(({ name }) => name);
  const counts = Object.fromEntries(STATES.map((kind) => [kind, named(kind).length]));
  return { registered: tools.length, ...counts, changed_tools: named('mismatch'), absent_tools: named('absent') };
}

/** One state for all threads, in shared memory: each reports what it has met. Tools without an entry have closed ones. The worst first. */
function breakersOf(met: readonly (readonly [string, BreakerState])[]): unknown[] {
  return met.toSorted(([, a], [, b]) => SEVERITY[b.kind] - SEVERITY[a.kind]).map(([key, state]) => ({
    tool: key.slice(key.indexOf(' ') + 1), state: state.kind,
    ...(state.kind === 'open' ? { until: timeOf(state.untilMs) } : {}), ...(state.kind === 'closed' ? { failures: state.failures } : {}),
  }));
}

/** Of the gateway threads; the control thread's listings are not agents' doing. */
function loadOf(loads: readonly UpstreamLoad[]): unknown {
  return { requests: sum(loads.map((load) => load.requests)), under_way: sum(loads.map((load) => load.underWay)), connections: sum(loads.map((load) => load.connections)) };
}
