// Which requests are recorded as traces: those whose caller records them, a share of those that begin here, and of both no more than so many a second.
import type { GatewayConfig } from '../base/config/schema.js';
import type { TraceContext } from '../base/ids/trace-context.js';
import type { SecondCount } from './second-count.js';

export interface Sampling {
  /** This request's spans are exported. */
  readonly recorded: boolean;
  /** What the tool server is told: that whoever called it records the trace. */
  readonly passedOn: boolean;
}

export interface SamplerReport {
  readonly recorded: number;
  /** Would have been, but for the most of a second. */
  readonly overLimit: number;
}

/** Before anything is decided. */
export const UNDECIDED: Sampling = Object.freeze({ recorded: false, passedOn: true });
const RECORDED: Sampling = Object.freeze({ recorded: true, passedOn: true });
const LEFT_TO_OTHERS: Sampling = Object.freeze({ recorded: false, passedOn: true });
const UNSAMPLED: Sampling = Object.freeze({ recorded: false, passedOn: false });
/** OpenTelemetry, "TraceState: Probability Sampling": the last 56 bits of a trace id are random; a double holds 52 of them. */
const RANDOM_DIGITS = 13;
const RANDOM_RANGE = 16 ** RANDOM_DIGITS;
const HEX = 16;

export class Sampler {
  /** Traces go somewhere. */
  readonly #on: boolean;
  /** Of all threads. */
  readonly #taken: SecondCount;
  #recorded = 0;
  #overLimit = 0;

  constructor(on: boolean, taken: SecondCount) {
    this.#on = on;
    this.#taken = taken;
  }

  /** `stranger`: nobody knows who it is. Of what a second may bring, half is for those whom somebody knows. */
  decide(trace: TraceContext, { sample_ratio: ratio, traces_per_second_max: most }: GatewayConfig['telemetry'], nowMs: number, stranger = false): Sampling {
    // Without traces of its own the gateway changes nobody's mind, and tool servers may record what begins here.
    if (!this.#on) return trace.sampled === false ? UNSAMPLED : LEFT_TO_OTHERS;
    if (!(trace.sampled ?? isDrawn(trace.traceId, ratio))) return UNSAMPLED;
    if (!this.#taken.take(stranger ? Math.ceil(most / 2) : most, nowMs)) {
      this.#overLimit++;
      return trace.sampled === true ? LEFT_TO_OTHERS : UNSAMPLED;
    }
    this.#recorded++;
    return RECORDED;
  }

  report(): SamplerReport {
    return { recorded: this.#recorded, overLimit: this.#overLimit };
  }
}

/** The same for every service that has the same ratio. */
function isDrawn(traceId: string, ratio: number): boolean {
  return Number.parseInt(traceId.slice(-RANDOM_DIGITS), HEX) >= (1 - ratio) * RANDOM_RANGE;
}
