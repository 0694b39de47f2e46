// Circuit breakers, one per upstream and tool: closed, open, half-open. Fed from the one exit of a call (SPEC section 2, layer 12).
import type { BreakerAdmission, BreakerOutcome, BreakerState, CircuitBreakers } from './types.js';

export interface CircuitBreakerOptions {
  /** Failures in a row that open a breaker. */
  readonly failuresToOpen: number;
  readonly resetTimeoutMs: number;
  /** Successful probes that close it again. */
  readonly successesToClose: number;
  /** Probes in flight while half open. */
  readonly probesMax: number;
}

const CLOSED: BreakerState = Object.freeze({ kind: 'closed', failures: 0 });
const ADMITTED: BreakerAdmission = Object.freeze({ admitted: true, probe: false });
const PROBE: BreakerAdmission = Object.freeze({ admitted: true, probe: true });
/** While probes are out, nobody knows when they end: a short wait is the honest answer. */
const PROBES_OUT_RETRY_SECONDS = 1;

/** Keys come from registered tools, so the table is as large as the registry; a closed breaker without failures is not held at all. */
export function createCircuitBreakers(options: CircuitBreakerOptions): CircuitBreakers {
  const states = new Map<string, BreakerState>();
  const put = (key: string, state: BreakerState): void => {
    if (state.kind === 'closed' && state.failures === 0) states.delete(key);
    else states.set(key, state);
  };

  function admit(key: string, nowMs: number): BreakerAdmission {
    const state = states.get(key);
    if (state === undefined || state.kind === 'closed') return ADMITTED;
    if (state.kind === 'open') {
      if (nowMs < state.untilMs) return { admitted: false, retryAfterSeconds: Math.max(1, Math.ceil((state.untilMs - nowMs) / 1000)) };
      states.set(key, { kind: 'half_open', probesInFlight: 1, successes: 0 });
      return PROBE;
    }
    if (state.probesInFlight >= options.probesMax) return { admitted: false, retryAfterSeconds: PROBES_OUT_RETRY_SECONDS };
    states.set(key, { ...state, probesInFlight: state.probesInFlight + 1 });
    return PROBE;
  }

  function settle(key: string, probe: boolean, outcome: BreakerOutcome, nowMs: number): void {
    const state = states.get(key) ?? CLOSED;
    put(key, probe ? settleProbe(state, outcome, nowMs, options) : settleCall(state, outcome, nowMs, options));
  }

  return {
    admit,
    settle,
    state: (key) => states.get(key) ?? CLOSED,
    all: () => new Map(states),
    reset: (key) => void states.delete(key),
  };
}

/** A call admitted while closed. What it says after the breaker opened is old news: it neither opens it longer nor counts as a probe. */
function settleCall(state: BreakerState, outcome: BreakerOutcome, nowMs: number, options: CircuitBreakerOptions): BreakerState {
  if (state.kind !== 'closed' || outcome === 'neutral') return state;
  if (outcome === 'success') return CLOSED;
  const failures = state.failures + 1;
  return failures >= options.failuresToOpen ? { kind: 'open', untilMs: nowMs + options.resetTimeoutMs } : { kind: 'closed', failures };
}

/** A probe that ends after another one already opened or closed the breaker changes nothing. */
function settleProbe(state: BreakerState, outcome: BreakerOutcome, nowMs: number, options: CircuitBreakerOptions): BreakerState {
  if (state.kind !== 'half_open') return state;
  if (outcome === 'failure') return { kind: 'open', untilMs: nowMs + options.resetTimeoutMs };
  const probesInFlight = Math.max(0, state.probesInFlight - 1);
  if (outcome === 'neutral') return { ...state, probesInFlight };
  const successes = state.successes + 1;
  return successes >= options.successesToClose ? CLOSED : { kind: 'half_open', probesInFlight, successes };
}
