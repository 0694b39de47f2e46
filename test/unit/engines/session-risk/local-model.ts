// The model of session risk: the same rules over plain objects of one thread, which a person can check by reading.
// The caller's entry takes in all that its sessions do, so a new session, era or transport never starts clean, and a session's entry may
// be dropped without losing taint or risk.
import { SessionTableFull } from '../../../../src/engines/session-risk/entries.js';
import { isOutside, isOutward } from '../../../../src/engines/session-risk/outward.js';
import type { Classification } from '../../../../src/engines/registry/types.js';
import type { SessionAction, SessionChains, SessionJudgement, SessionRisk, SessionThresholds, SessionView } from '../../../../src/engines/session-risk/types.js';

interface Entry {
  /** At `riskAtMs`; decays. */
  risk: number;
  riskAtMs: number;
  /** Everything in the entry ends `ttlMs` after this. */
  raisedAtMs: number;
  taint: Classification | undefined;
  taintSource: string | undefined;
  /** Grows to twice what is kept, then is replaced by its end: a view remembers the list and its length, and stays what it was. */
  actions: SessionAction[];
}

interface CallerEntry extends Entry {
  /** In the order of last use. */
  readonly sessions: Map<string, Entry>;
}

/** Of more sessions of one caller the oldest falls back to the caller's own entry, so that one caller can't fill the table. */
const SESSIONS_PER_CALLER_MAX = 100;
/** Callers looked at for one that may be forgotten, for each newcomer to a full table. */
const SWEEP_STEPS_MAX = 256;
/** Floating point: a threshold of 0.3 is reached by three times 0.1. */
const RISK_EPSILON = 1e-9;
const SEVERITY: Readonly<Record<Classification, number>> = { public: 0, internal: 1, confidential: 2, sensitive: 3 };

/** State that outlives a reload. */
export interface MemorySessionRisk extends SessionRisk {
  /** New thresholds and chains for the same state: a reload must not wash anybody clean. */
  update(thresholds: SessionThresholds, chains: SessionChains): void;
}

export function createLocalSessionRisk(firstThresholds: SessionThresholds, firstChains: SessionChains): MemorySessionRisk {
  let thresholds = firstThresholds;
  let chains = firstChains;
  const callers = new Map<string, CallerEntry>();
  let sweep = callers.entries();
  let size = 0;

  const isLive = (entry: Entry, nowMs: number): boolean => nowMs < entry.raisedAtMs + thresholds.ttlMs && (entry.taint !== undefined || entry.risk > 0);

  /** Ends what outlived its time, in place. */
  function refresh<E extends Entry>(entry: E, nowMs: number): E {
    if (nowMs >= entry.raisedAtMs + thresholds.ttlMs) Object.assign(entry, { risk: 0, taint: undefined, taintSource: undefined });
    if (nowMs > entry.riskAtMs) {
      entry.risk *= 2 ** ((entry.riskAtMs - nowMs) / thresholds.halfLifeMs);
      entry.riskAtMs = nowMs;
    }
    return entry;
  }

  function dropSessionOf(caller: CallerEntry): boolean {
    for (const key of caller.sessions.keys()) {
      caller.sessions.delete(key);
      size--;
      return true;
    }
    return false;
  }

  /** A place for a newcomer: of a session first (its caller's entry holds all of it), else of a caller without live taint or risk. */
  function makeRoom(nowMs: number): boolean {
    for (let step = 0; step < SWEEP_STEPS_MAX && size >= thresholds.sessionsMax; step++) {
      let next = sweep.next();
      if (next.done === true) {
        sweep = callers.entries();
        next = sweep.next();
        if (next.done === true) break;
      }
      const [key, entry] = next.value;
      if (dropSessionOf(entry) || isLive(entry, nowMs)) continue;
      callers.delete(key);
      size--;
    }
    return size < thresholds.sessionsMax;
  }

  function callerEntry(caller: string, nowMs: number): CallerEntry {
    const known = callers.get(caller);
    if (known !== undefined) return refresh(known, nowMs);
    if (size >= thresholds.sessionsMax && !makeRoom(nowMs)) throw new SessionTableFull();
    const entry: CallerEntry = { ...cleanEntry(nowMs), sessions: new Map() };
    callers.set(caller, entry);
    size++;
    return entry;
  }

  /** Undefined when the session has no place of its own: the caller's entry speaks for it. */
  function sessionEntry(caller: CallerEntry, session: string | undefined, nowMs: number): Entry | undefined {
    if (session === undefined) return undefined;
    let entry = caller.sessions.get(session);
    if (entry === undefined) {
      if (caller.sessions.size >= SESSIONS_PER_CALLER_MAX) dropSessionOf(caller);
      else if (size >= thresholds.sessionsMax && !dropSessionOf(caller)) return undefined;
      entry = cleanEntry(nowMs);
      size++;
    } else caller.sessions.delete(session);
    caller.sessions.set(session, entry);
    return refresh(entry, nowMs);
  }

  function riskOf(action: SessionAction): number {
    const { level, classification, external } = chains.risk;
    return level[action.riskLevel] + classification[action.classification] + (isOutward(action, chains.internalDestinations) ? external : 0);
  }

  const isHigh = (risk: number): boolean => risk >= thresholds.riskDenyAt - RISK_EPSILON;

  function load(caller: string, mcpSession: string | undefined, nowMs: number): SessionView {
    const whole = callerEntry(caller, nowMs);
    const session = sessionEntry(whole, mcpSession, nowMs);
    const riskScore = Math.min(1, Math.max(whole.risk, session?.risk ?? 0));
    const worse = session !== undefined && severity(session.taint) > severity(whole.taint) ? session : whole;
    const high = isHigh(riskScore);
    const flags = worse.taint === undefined && !high ? NO_FLAGS : [...(worse.taint === undefined ? [] : [`tainted:${worse.taint}`]), ...(high ? ['risk:high'] : [])];
    return new View(mcpSession ?? 'caller', riskScore, flags, worse.taint !== undefined, worse.taintSource, whole.actions, thresholds.actionsKept);
  }

  function judge(view: SessionView, action: SessionAction): SessionJudgement {
    if (view.tainted && isOutward(action, chains.internalDestinations)) {
      return { kind: 'exfiltration', source: view.taintSource ?? 'unknown', destination: action.destination };
    }
    const high = isHigh(Math.min(1, view.riskScore + riskOf(action)));
    if (!high && view.flags.length === 0) return PASSED;
    return { kind: 'flag', flags: high && !view.flags.includes('risk:high') ? [...view.flags, 'risk:high'] : [...view.flags] };
  }

  /** Caller and session; the caller's may throw, and does so before anything is changed. */
  function entriesOf(caller: string, mcpSession: string | undefined, nowMs: number): Entry[] {
    const whole = callerEntry(caller, nowMs);
    const session = sessionEntry(whole, mcpSession, nowMs);
    return session === undefined ? [whole] : [whole, session];
  }

  function record(caller: string, mcpSession: string | undefined, action: SessionAction): void {
    const added = riskOf(action);
    for (const entry of entriesOf(caller, mcpSession, action.atMs)) {
      if (entry.actions.length >= 2 * thresholds.actionsKept) entry.actions = entry.actions.slice(-thresholds.actionsKept);
      entry.actions.push(action);
      if (added === 0) continue;
      entry.risk = Math.min(1, entry.risk + added);
      entry.raisedAtMs = Math.max(entry.raisedAtMs, action.atMs);
    }
  }

  function taint(caller: string, mcpSession: string | undefined, classification: Classification, source: string, nowMs: number): number {
    if (!chains.taintFrom.includes(classification)) return -1;
    for (const entry of entriesOf(caller, mcpSession, nowMs)) {
      if (severity(classification) >= severity(entry.taint)) Object.assign(entry, { taint: classification, taintSource: source });
      entry.raisedAtMs = Math.max(entry.raisedAtMs, nowMs);
    }
    return severity(classification);
  }

  return {
    load, judge, record, taint,
    outermost: (destinations) => destinations.find((one) => isOutside(one, chains.internalDestinations)) ?? destinations[0],
    update: (newThresholds, newChains) => {
      thresholds = newThresholds;
      chains = newChains;
    },
    get size() {
      return size;
    },
  };
}

const NO_FLAGS: readonly string[] = Object.freeze([]);
const PASSED: SessionJudgement = Object.freeze({ kind: 'pass' });

/** What was true when it was taken. A class, because an accessor in an object literal is defined anew for every object. */
class View implements SessionView {
  readonly id: string;
  readonly riskScore: number;
  readonly flags: readonly string[];
  readonly tainted: boolean;
  readonly taintSource: string | undefined;
  readonly #actions: readonly SessionAction[];
  readonly #seen: number;
  readonly #kept: number;

  constructor(id: string, riskScore: number, flags: readonly string[], tainted: boolean, taintSource: string | undefined, actions: readonly SessionAction[], kept: number) {
    this.id = id;
    this.riskScore = riskScore;
    this.flags = flags;
    this.tainted = tainted;
    this.taintSource = taintSource;
    this.#actions = actions;
    this.#seen = actions.length;
    this.#kept = kept;
  }

  get previousActions(): readonly SessionAction[] {
    return this.#actions.slice(Math.max(0, this.#seen - this.#kept), this.#seen);
  }
}

function cleanEntry(nowMs: number): Entry {
  return { risk: 0, riskAtMs: nowMs, raisedAtMs: nowMs, taint: undefined, taintSource: undefined, actions: [] };
}

function severity(classification: Classification | undefined): number {
  return classification === undefined ? -1 : SEVERITY[classification];
}
