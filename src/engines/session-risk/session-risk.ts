// Cumulative risk and taint, per caller and per MCP session, the same for all gateway threads (SPEC section 7, layer 8).
// The caller's entry takes in all that its sessions do, so a new session, era or transport never starts clean, and a session's entry may
// be dropped without losing taint or risk.
import { createHash } from 'node:crypto';
import { pairHash, type KeyHash } from '../../base/shared/key-hash.js';
import { NONE } from '../../base/shared/table.js';
import type { Classification, RiskLevel } from '../registry/types.js';
import { createSessionMemory, SessionTable, type SessionStripe } from './entries.js';
import { isOutside, isOutward } from './outward.js';
import { classOf, destinationIdOf, isExternal, levelOf, packAction, toolOf } from './packed-action.js';
import type { SessionAction, SessionChains, SessionJudgement, SessionRisk, SessionThresholds, SessionView } from './types.js';

/** Floating point: a threshold of 0.3 is reached by three times 0.1. */
const RISK_EPSILON = 1e-9;
/** In the order of severity. */
const CLASSES: readonly Classification[] = ['public', 'internal', 'confidential', 'sensitive'];
const LEVELS: readonly RiskLevel[] = ['low', 'medium', 'high', 'critical'];
/** Characters of a tool's or host's name that are kept; what is longer keeps its beginning and a digest of all of it. */
const TEXT_CHARS_MAX = 512;

/** State that outlives a reload. */
export interface SharedSessionRisk extends SessionRisk {
  /** New thresholds and chains for the same state: a reload must not wash anybody clean. Places and actions kept stay as the table has them. */
  update(thresholds: SessionThresholds, chains: SessionChains): void;
}

/** Without a table of its process's threads it has one of its own. */
export function createSessionRisk(firstThresholds: SessionThresholds, firstChains: SessionChains, table = new SessionTable(createSessionMemory(firstThresholds), 1)): SharedSessionRisk {
  let thresholds = firstThresholds;
  let chains = firstChains;
  const numbers: number[] = [];
  const texts: string[] = [];

  function riskOf(action: SessionAction): number {
    const { level, classification, external } = chains.risk;
    return level[action.riskLevel] + classification[action.classification] + (isOutward(action, chains.internalDestinations) ? external : 0);
  }

  const isHigh = (risk: number): boolean => risk >= thresholds.riskDenyAt - RISK_EPSILON;
  const sessionHash = (caller: KeyHash, mcpSession: string | undefined): KeyHash | undefined => (mcpSession === undefined ? undefined : pairHash(caller, table.table.hashOf(mcpSession)));

  function load(caller: string, mcpSession: string | undefined, nowMs: number): SessionView {
    const hash = table.table.hashOf(caller);
    const ofSession = sessionHash(hash, mcpSession);
    const entries = table.stripeOf(hash);
    let riskScore = 0;
    let severity = NONE;
    let taintSource: string | undefined;
    let birth = 0;
    let seen = 0;
    entries.stripe.lock();
    try {
      const whole = entries.ofCaller(hash, nowMs, thresholds);
      const session = ofSession === undefined ? NONE : entries.ofSession(whole, ofSession, nowMs, thresholds);
      let worse = whole;
      riskScore = entries.risk(whole);
      severity = entries.taint(whole);
      if (session !== NONE) {
        riskScore = Math.max(riskScore, entries.risk(session));
        if (entries.taint(session) > severity) worse = session;
        severity = entries.taint(worse);
      }
      if (severity !== NONE) taintSource = entries.texts.read(entries.taintSource(worse));
      birth = entries.birth(whole);
      seen = entries.seen(whole);
    } finally {
      entries.stripe.unlock();
    }
    const high = isHigh(riskScore);
    const tainted = severity === NONE ? undefined : CLASSES[severity]; // an array asked for its −1st goes a long way
    const flags = tainted === undefined && !high ? NO_FLAGS : [...(tainted === undefined ? [] : [`tainted:${tainted}`]), ...(high ? ['risk:high'] : [])];
    return new View(mcpSession ?? 'caller', riskScore, flags, tainted !== undefined, taintSource, previousActions, entries, hash, birth, seen);
  }

  /** The entry's actions up to `seen`; what came after the view was taken is not in it. */
  function previousActions(entries: SessionStripe, hash: KeyHash, birth: number, seen: number): readonly SessionAction[] {
    let count = 0;
    entries.stripe.lock();
    try {
      const entry = entries.stripe.find(hash);
      // What it did can't be told any more: whoever decides by it must not take it for nothing.
      if (entry === NONE || entries.birth(entry) !== birth) throw new Error('the caller\'s place was given to another');
      const from = Math.max(0, entries.seen(entry) - table.actionsKept, seen - thresholds.actionsKept);
      for (let number = from; number < seen; number++, count++) {
        const packed = entries.actionWord(entry, number);
        const destination = destinationIdOf(packed);
        numbers[count * 2] = packed;
        numbers[count * 2 + 1] = entries.actionTime(entry, number);
        texts[count * 2] = entries.texts.read(toolOf(packed));
        texts[count * 2 + 1] = destination === NONE ? '' : entries.texts.read(destination);
      }
    } finally {
      entries.stripe.unlock();
    }
    return Array.from({ length: count }, (_, i) => actionOf(numbers[i * 2] ?? 0, numbers[i * 2 + 1] ?? 0, texts[i * 2] ?? '', texts[i * 2 + 1] ?? ''));
  }

  function judge(view: SessionView, action: SessionAction): SessionJudgement {
    if (view.tainted && isOutward(action, chains.internalDestinations)) {
      return { kind: 'exfiltration', source: view.taintSource ?? 'unknown', destination: action.destination };
    }
    const high = isHigh(Math.min(1, view.riskScore + riskOf(action)));
    if (!high && view.flags.length === 0) return PASSED;
    return { kind: 'flag', flags: high && !view.flags.includes('risk:high') ? [...view.flags, 'risk:high'] : [...view.flags] };
  }

  function record(caller: string, mcpSession: string | undefined, action: SessionAction): void {
    const added = riskOf(action);
    const { atMs } = action;
    const hash = table.table.hashOf(caller);
    const ofSession = sessionHash(hash, mcpSession);
    const entries = table.stripeOf(hash);
    const tool = table.textOf(shortened(action.tool));
    const destination = action.destination === undefined ? undefined : table.textOf(shortened(action.destination));
    entries.stripe.lock();
    try {
      const toolId = entries.holdText(tool, atMs, thresholds);
      let destinationId = NONE;
      try {
        if (destination !== undefined) destinationId = entries.holdText(destination, atMs, thresholds);
        const packed = packAction(toolId, destinationId, CLASSES.indexOf(action.classification), LEVELS.indexOf(action.riskLevel), action.external);
        const whole = entries.ofCaller(hash, atMs, thresholds);
        const session = ofSession === undefined ? NONE : entries.ofSession(whole, ofSession, atMs, thresholds);
        entries.addAction(whole, packed, atMs);
        entries.addRisk(whole, added, atMs);
        if (session !== NONE) entries.addRisk(session, added, atMs);
      } finally {
        entries.texts.letGo(toolId);
        if (destinationId !== NONE) entries.texts.letGo(destinationId);
      }
    } finally {
      entries.stripe.unlock();
    }
  }

  function taint(caller: string, mcpSession: string | undefined, classification: Classification, source: string, nowMs: number): number {
    if (!chains.taintFrom.includes(classification)) return NONE;
    const severity = CLASSES.indexOf(classification);
    const hash = table.table.hashOf(caller);
    const ofSession = sessionHash(hash, mcpSession);
    const entries = table.stripeOf(hash);
    const text = table.textOf(shortened(source));
    entries.stripe.lock();
    try {
      const sourceId = entries.holdText(text, nowMs, thresholds);
      try {
        const whole = entries.ofCaller(hash, nowMs, thresholds);
        const session = ofSession === undefined ? NONE : entries.ofSession(whole, ofSession, nowMs, thresholds);
        entries.addTaint(whole, severity, sourceId, nowMs);
        if (session !== NONE) entries.addTaint(session, severity, sourceId, nowMs);
      } finally {
        entries.texts.letGo(sourceId);
      }
    } finally {
      entries.stripe.unlock();
    }
    return severity;
  }

  return {
    load, judge, record, taint,
    outermost: (destinations) => destinations.find((one) => isOutside(one, chains.internalDestinations)) ?? destinations[0],
    update: (newThresholds, newChains) => {
      thresholds = newThresholds;
      chains = newChains;
    },
    get size() {
      return table.table.size;
    },
  };
}

const NO_FLAGS: readonly string[] = Object.freeze([]);
const PASSED: SessionJudgement = Object.freeze({ kind: 'pass' });

type ReadActions = (entries: SessionStripe, hash: KeyHash, birth: number, seen: number) => readonly SessionAction[];

/** What was true when it was taken. A class, because an accessor in an object literal is defined anew for every object. */
class View implements SessionView {
  readonly id: string;
  readonly riskScore: number;
  readonly flags: readonly string[];
  readonly tainted: boolean;
  readonly taintSource: string | undefined;
  readonly #read: ReadActions;
  readonly #entries: SessionStripe;
  readonly #hash: KeyHash;
  readonly #birth: number;
  readonly #seen: number;
  #actions: readonly SessionAction[] | undefined = undefined;

  constructor(
    id: string, riskScore: number, flags: readonly string[], tainted: boolean, taintSource: string | undefined,
    read: ReadActions, entries: SessionStripe, hash: KeyHash, birth: number, seen: number,
  ) {
    this.id = id;
    this.riskScore = riskScore;
    this.flags = flags;
    this.tainted = tainted;
    this.taintSource = taintSource;
    this.#read = read;
    this.#entries = entries;
    this.#hash = hash;
    this.#birth = birth;
    this.#seen = seen;
  }

  /** Throws when the entry had to make room for another meanwhile. */
  get previousActions(): readonly SessionAction[] {
    this.#actions ??= this.#seen === 0 ? [] : this.#read(this.#entries, this.#hash, this.#birth, this.#seen);
    return this.#actions;
  }
}

function actionOf(packed: number, atMs: number, tool: string, destination: string): SessionAction {
  return {
    tool, classification: CLASSES[classOf(packed)] ?? 'sensitive', external: isExternal(packed), riskLevel: LEVELS[levelOf(packed)] ?? 'critical',
    destination: destinationIdOf(packed) === NONE ? undefined : destination, atMs,
  };
}

function shortened(text: string): string {
  return text.length <= TEXT_CHARS_MAX ? text : `${text.slice(0, TEXT_CHARS_MAX)}…sha256:${createHash('sha256').update(text).digest('hex')}`;
}
