// Circuit breakers, one per upstream and tool: closed, open, half-open. Fed from the one exit of a call (SPEC section 2, layer 12).
// Their state lies in memory that all gateway threads share: a server that fails for one thread is left alone by all of them.
import { GATEWAY_THREADS_MAX } from '../../base/config/schema.js';
import { NONE, type SharedTable, type Stripe, type TableShape } from '../../base/shared/table.js';
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

// A record: one 64-bit float, four words, and a word for each thread: the probes that it has out. One that ends takes its own along, and no others.
const UNTIL_MS = 0;
const KIND = 2;
const FAILURES = 3;
const SUCCESSES = 4;
const PROBES = 6;
const RECORD_BYTES = (PROBES + GATEWAY_THREADS_MAX) * Int32Array.BYTES_PER_ELEMENT;
const KINDS: readonly BreakerState['kind'][] = ['closed', 'open', 'half_open'];

/** Only what fails has a record, so this many tools may fail at one time. The failures of one more are not counted: it is called as if it were well. */
const FAILING_MAX = 65_536;

/** One stripe: that nothing fails, which is the rule, is then one look at its count. */
export function breakerTable(): TableShape {
  return { capacity: FAILING_MAX, dataBytes: RECORD_BYTES, stripes: 1 };
}

/** Keys come from registered tools; a closed breaker without failures is not held at all. `thread`: the number of this one, from 0. */
export function createCircuitBreakers(options: CircuitBreakerOptions, table: SharedTable, thread: number): CircuitBreakers {
  /** What this thread has met of breakers that are not at rest: the table itself knows only hashes. */
  const met = new Set<string>();
  const stripe = onlyStripeOf(table);

  function within<T>(key: string, work: (record: number) => T): T {
    const hash = table.hashOf(key);
    stripe.lock();
    try {
      return work(stripe.find(hash));
    } finally {
      stripe.unlock();
    }
  }

  function admit(key: string, nowMs: number): BreakerAdmission {
    if (stripe.count === 0) return ADMITTED;
    return within(key, (record) => {
      if (record === NONE) return ADMITTED;
      met.add(key);
      const state = read(stripe, record);
      if (state.kind === 'closed') return ADMITTED;
      if (state.kind === 'open') {
        if (nowMs < state.untilMs) return { admitted: false, retryAfterSeconds: Math.max(1, Math.ceil((state.untilMs - nowMs) / 1000)) };
        write(stripe, record, { kind: 'half_open', probesInFlight: 0, successes: 0 });
        countProbes(stripe, record, thread, 1);
        return PROBE;
      }
      if (state.probesInFlight >= options.probesMax) return { admitted: false, retryAfterSeconds: PROBES_OUT_RETRY_SECONDS };
      countProbes(stripe, record, thread, 1);
      return PROBE;
    });
  }

  function settle(key: string, probe: boolean, outcome: BreakerOutcome, nowMs: number): void {
    if (outcome !== 'failure' && stripe.count === 0) return;
    within(key, (found) => {
      if (found === NONE && (probe || outcome !== 'failure')) return;
      const state = found === NONE ? CLOSED : read(stripe, found);
      const next = probe ? settleProbe(state, outcome, nowMs, options) : settleCall(state, outcome, nowMs, options);
      if (isAtRest(next)) {
        if (found !== NONE) stripe.remove(found);
        met.delete(key);
        return;
      }
      const record = found === NONE ? stripe.add(table.hashOf(key)) : found;
      if (record === NONE) return;
      met.add(key);
      write(stripe, record, next);
      if (probe && state.kind === 'half_open') countProbes(stripe, record, thread, -1);
    });
  }

  const state = (key: string): BreakerState => within(key, (record) => (record === NONE ? CLOSED : read(stripe, record)));

  return {
    admit,
    settle,
    state,
    all() {
      const states = new Map([...met].map((key) => [key, state(key)]));
      for (const [key, one] of states) if (isAtRest(one)) met.delete(key);
      return new Map([...states].filter(([key]) => met.has(key)));
    },
    reset(key) {
      within(key, (record) => {
        if (record !== NONE) stripe.remove(record);
      });
      met.delete(key);
    },
  };
}

/** Probes of a thread that ended will never be settled: others take their places. */
export function forgetProbes(table: SharedTable, thread: number): void {
  for (const stripe of table.stripes) {
    stripe.lock();
    try {
      stripe.each((record) => {
        stripe.words[stripe.wordAt(record) + PROBES + thread] = 0;
      });
    } finally {
      stripe.unlock();
    }
  }
}

function onlyStripeOf({ stripes: [stripe, ...others] }: SharedTable): Stripe {
  if (stripe === undefined || others.length > 0) throw new Error('a table of breakers has one stripe');
  return stripe;
}

function isAtRest(state: BreakerState): boolean {
  return state.kind === 'closed' && state.failures === 0;
}

function read(stripe: Stripe, record: number): BreakerState {
  const { words, doubles } = stripe;
  const at = stripe.wordAt(record);
  switch (KINDS[words[at + KIND] ?? 0]) {
    case 'open': return { kind: 'open', untilMs: doubles[stripe.doubleAt(record) + UNTIL_MS] ?? 0 };
    case 'half_open': return { kind: 'half_open', probesInFlight: probesOf(stripe, record), successes: words[at + SUCCESSES] ?? 0 };
    default: return { kind: 'closed', failures: words[at + FAILURES] ?? 0 };
  }
}

function probesOf(stripe: Stripe, record: number): number {
  const at = stripe.wordAt(record) + PROBES;
  let total = 0;
  for (let thread = 0; thread < GATEWAY_THREADS_MAX; thread++) total += stripe.words[at + thread] ?? 0;
  return total;
}

/** None is counted below 0: it may be a probe of the last time that the breaker was half open. */
function countProbes(stripe: Stripe, record: number, thread: number, by: 1 | -1): void {
  const at = stripe.wordAt(record) + PROBES + thread;
  stripe.words[at] = Math.max(0, (stripe.words[at] ?? 0) + by);
}

/** All but the probes of a breaker that is half open: `countProbes` does these. */
function write(stripe: Stripe, record: number, state: BreakerState): void {
  const { words, doubles } = stripe;
  const at = stripe.wordAt(record);
  words[at + KIND] = KINDS.indexOf(state.kind);
  words[at + FAILURES] = state.kind === 'closed' ? state.failures : 0;
  if (state.kind !== 'half_open') words.fill(0, at + PROBES, at + PROBES + GATEWAY_THREADS_MAX);
  words[at + SUCCESSES] = state.kind === 'half_open' ? state.successes : 0;
  doubles[stripe.doubleAt(record) + UNTIL_MS] = state.kind === 'open' ? state.untilMs : 0;
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
  if (outcome === 'neutral') return state;
  const successes = state.successes + 1;
  return successes >= options.successesToClose ? CLOSED : { ...state, successes };
}
