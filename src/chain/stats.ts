// Counts and times per layer of one gateway thread; plain numbers, read by /metrics and `agw inspect layers`.
import { VERDICT_NAMES } from '../audit/record.js';
import { LAYER_COUNT, NOT_REACHED, type Context } from './context.js';

export interface LayerStats {
  /** Calls by verdict, index as in VERDICT_NAMES. */
  readonly byVerdict: readonly number[];
  readonly sumUs: number;
  readonly maxUs: number;
}

export interface ChainStatsReport {
  readonly layers: readonly LayerStats[];
  readonly allowed: number;
  readonly denied: number;
  readonly byCode: Readonly<Record<string, number>>;
}

export class ChainStats {
  readonly #verdicts = new Float64Array(LAYER_COUNT * VERDICT_NAMES.length);
  readonly #sumUs = new Float64Array(LAYER_COUNT);
  readonly #maxUs = new Float64Array(LAYER_COUNT);
  readonly #byCode = new Map<string, number>();
  #allowed = 0;
  #denied = 0;

  count(ctx: Context, allowed: boolean, code: string | undefined): void {
    for (let i = 0; i < LAYER_COUNT; i++) {
      const verdict = ctx.verdicts[i] ?? 0;
      const us = ctx.layerUs[i] ?? 0;
      const slot = i * VERDICT_NAMES.length + verdict;
      this.#verdicts[slot] = (this.#verdicts[slot] ?? 0) + 1;
      this.#sumUs[i] = (this.#sumUs[i] ?? 0) + us;
      if (us > (this.#maxUs[i] ?? 0)) this.#maxUs[i] = us;
    }
    this.#decide(allowed, code);
  }

  /** Refused before any layer. */
  countUnreached(code: string): void {
    for (let slot = NOT_REACHED; slot < this.#verdicts.length; slot += VERDICT_NAMES.length) this.#verdicts[slot] = (this.#verdicts[slot] ?? 0) + 1;
    this.#decide(false, code);
  }

  #decide(allowed: boolean, code: string | undefined): void {
    if (allowed) this.#allowed++;
    else this.#denied++;
    if (code !== undefined) this.#byCode.set(code, (this.#byCode.get(code) ?? 0) + 1);
  }

  report(): ChainStatsReport {
    const layers = Array.from({ length: LAYER_COUNT }, (_, i) => ({
      byVerdict: Array.from(this.#verdicts.subarray(i * VERDICT_NAMES.length, (i + 1) * VERDICT_NAMES.length)),
      sumUs: this.#sumUs[i] ?? 0,
      maxUs: this.#maxUs[i] ?? 0,
    }));
    return { layers, allowed: this.#allowed, denied: this.#denied, byCode: Object.fromEntries(this.#byCode) };
  }
}
