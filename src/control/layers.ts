// GET /v1/layers: the chain as it is wired, with what each layer did so far.
import { LAYER_NAMES } from '../base/errors/table.js';
import { VERDICT_NAMES } from '../audit/record.js';
import { LAYER_REASONS } from '../layers/index.js';
import type { Counts } from './kept-counts.js';
import type { ControlParts } from './parts.js';
import type { Route } from './server.js';
import { sum } from './status.js';

const DECIMALS = 10;

export function layerRoutes(parts: ControlParts): Route[] {
  return [{ method: 'GET', path: '/v1/layers', answer: async () => ({ status: 200, json: { layers: describe(parts.kept.take(await parts.threads.stats())) } }) }];
}

function describe(ofThreads: readonly Counts[]): unknown[] {
  return LAYER_NAMES.map((name, i) => {
    const layers = ofThreads.flatMap((one) => one.chain.layers[i] ?? []);
    const counts = Object.fromEntries(VERDICT_NAMES.map((word, verdict) => [word, sum(layers.map((layer) => layer.byVerdict[verdict] ?? 0))]));
    const reached = sum(layers.flatMap((layer) => layer.byVerdict.slice(1)));
    const meanUs = reached === 0 ? 0 : sum(layers.map((layer) => layer.sumUs)) / reached;
    return {
      step: i + 1, name, why: LAYER_REASONS[i], ...counts,
      mean_us: Math.round(meanUs * DECIMALS) / DECIMALS, max_us: Math.round(Math.max(0, ...layers.map((layer) => layer.maxUs)) * DECIMALS) / DECIMALS,
    };
  });
}
