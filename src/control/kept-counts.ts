// What each gateway thread counted when it was last asked. One that has ended, or does not answer in time, still counts: a sum that falls looks to
// Prometheus like a restart, and all that it counts from there like new.
import type { SamplerReport } from '../chain/sampler.js';
import type { ChainStatsReport, LayerStats } from '../chain/stats.js';
import type { GatewayStats } from '../threads/messages.js';

export interface Counts {
  readonly chain: ChainStatsReport;
  readonly connectionsRefused: number;
  readonly unreadCut: number;
  readonly traces: SamplerReport;
}

export class KeptCounts {
  readonly #last = new Map<number, Counts & { readonly owner: number }>();
  #ended: Counts | undefined;

  /** Of all threads that ever were, as far as they have said. */
  take(stats: readonly GatewayStats[]): readonly Counts[] {
    for (const { place, chain, front, traces } of stats) this.#keep(place.index, { owner: place.owner, chain, traces, connectionsRefused: front.connectionsRefused, unreadCut: front.unreadCut });
    return [...(this.#ended === undefined ? [] : [this.#ended]), ...this.#last.values()];
  }

  #keep(index: number, counts: Counts & { readonly owner: number }): void {
    const before = this.#last.get(index);
    if (before !== undefined && isOlder(counts, before)) return; // an answer to an earlier question, which waited for another thread
    if (before !== undefined && before.owner !== counts.owner) this.#ended = this.#ended === undefined ? before : add(this.#ended, before);
    this.#last.set(index, counts);
  }
}

function isOlder(one: Counts & { readonly owner: number }, other: Counts & { readonly owner: number }): boolean {
  if (one.owner !== other.owner) return one.owner < other.owner;
  return one.chain.allowed + one.chain.denied < other.chain.allowed + other.chain.denied;
}

function add(one: Counts, other: Counts): Counts {
  const byCode: Record<string, number> = { ...one.chain.byCode };
  for (const [code, count] of Object.entries(other.chain.byCode)) byCode[code] = (byCode[code] ?? 0) + count;
  return {
    connectionsRefused: one.connectionsRefused + other.connectionsRefused,
    unreadCut: one.unreadCut + other.unreadCut,
    traces: { recorded: one.traces.recorded + other.traces.recorded, overLimit: one.traces.overLimit + other.traces.overLimit },
    chain: {
      allowed: one.chain.allowed + other.chain.allowed, denied: one.chain.denied + other.chain.denied, byCode,
      layers: one.chain.layers.map((layer, i) => addLayer(layer, other.chain.layers[i])),
    },
  };
}

function addLayer(one: LayerStats, other: LayerStats | undefined): LayerStats {
  if (other === undefined) return one;
  return { byVerdict: one.byVerdict.map((count, v) => count + (other.byVerdict[v] ?? 0)), sumUs: one.sumUs + other.sumUs, maxUs: Math.max(one.maxUs, other.maxUs) };
}
