// Where risk and taint lie: fixed-size records in memory that all gateway threads share, a family of each caller and its sessions.
import { addHead, addMember, FAMILY_WORDS, isHead, membersOf, oldestOf, removeMember, touchMember } from '../../base/shared/families.js';
import type { KeyHash } from '../../base/shared/key-hash.js';
import { createTableMemory, NONE, SharedTable, type Stripe, type TableMemory } from '../../base/shared/table.js';
import { TextPool, textPoolBytes, TEXTS_MAX } from '../../base/shared/text-pool.js';
import { destinationIdOf, toolOf } from './packed-action.js';

/** Plain data, given to each thread. */
export interface SessionMemory {
  readonly table: TableMemory;
  readonly actionsKept: number;
  readonly pieces: number;
}

/** The table is full of callers with live taint or risk, or of what they did. The layer refuses: forgetting would wash them clean. */
export class SessionTableFull extends Error {
  constructor() {
    super('every place in the session table holds live taint or risk');
    this.name = 'SessionTableFull';
  }
}

// Words of a record after the family's; then 64-bit floats; then the actions: a float and a word each.
const TAINT = FAMILY_WORDS; // class + 1
const TAINT_SOURCE = FAMILY_WORDS + 1; // text + 1
const BIRTH = FAMILY_WORDS + 2; // tells an entry from an earlier one of the same caller
const FIRST_DOUBLE = FAMILY_WORDS + 4;
const RISK = FIRST_DOUBLE / 2;
const RISK_AT_MS = RISK + 1;
const RAISED_AT_MS = RISK + 2;
const ACTIONS_SEEN = RISK + 3;
const ACTION_TIMES = RISK + 4;
const FIXED_BYTES = ACTION_TIMES * 8;
const ACTION_BYTES = 12;

/** Of more sessions of one caller the oldest falls back to the caller's own entry, so that one caller can't fill the table. */
const SESSIONS_PER_CALLER_MAX = 100;
/** Callers looked at for one that may be forgotten, for each newcomer to a full table. */
const SWEEP_STEPS_MAX = 256;
const PIECES_MIN = 1024;
const PIECES_PER_ENTRY = 4; // tools and hosts are few, and each stands once

export function createSessionMemory({ sessionsMax, actionsKept }: { readonly sessionsMax: number; readonly actionsKept: number }): SessionMemory {
  const pieces = Math.min(TEXTS_MAX, PIECES_MIN + PIECES_PER_ENTRY * sessionsMax);
  return { table: createTableMemory({ capacity: sessionsMax, dataBytes: Math.ceil((FIXED_BYTES + ACTION_BYTES * actionsKept) / 8) * 8, extraBytes: textPoolBytes(pieces) }), actionsKept, pieces };
}

/** How long entries live; a reload may change them. */
export interface Times {
  readonly ttlMs: number;
  readonly halfLifeMs: number;
}

/** A text, ready to be put into a pool. */
export interface Text {
  readonly hash: KeyHash;
  readonly encoded: Uint8Array;
}

/** One stripe's entries. Everything needs its lock; entries are record numbers. */
export class SessionStripe {
  readonly stripe: Stripe;
  readonly texts: TextPool;
  readonly #kept: number;

  constructor(stripe: Stripe, { actionsKept, pieces }: SessionMemory) {
    this.stripe = stripe;
    this.texts = new TextPool(stripe, pieces);
    this.#kept = actionsKept;
  }

  risk(entry: number): number {
    return this.#double(entry, RISK);
  }

  /** Severity of the taint; −1 = none. */
  taint(entry: number): number {
    return this.#word(entry, TAINT) - 1;
  }

  taintSource(entry: number): number {
    return this.#word(entry, TAINT_SOURCE) - 1;
  }

  /** A class that is no less severe goes before the one that is there. */
  addTaint(entry: number, severity: number, source: number, nowMs: number): void {
    if (severity >= this.taint(entry)) {
      this.texts.share(source);
      this.#clearTaint(entry);
      this.#setWord(entry, TAINT, severity + 1);
      this.#setWord(entry, TAINT_SOURCE, source + 1);
    }
    this.#slide(entry, nowMs);
  }

  birth(entry: number): number {
    return this.#word(entry, BIRTH);
  }

  seen(entry: number): number {
    return this.#double(entry, ACTIONS_SEEN);
  }

  /** The action with this number, counted from 0, which is still kept. */
  actionWord(entry: number, number: number): number {
    return this.#word(entry, ACTION_TIMES * 2 + this.#kept * 2 + (number % this.#kept));
  }

  actionTime(entry: number, number: number): number {
    return this.#double(entry, ACTION_TIMES + (number % this.#kept));
  }

  /** Takes one reference more of each text. */
  addAction(entry: number, packed: number, atMs: number): void {
    const { words, doubles } = this.stripe;
    const wordAt = this.stripe.wordAt(entry);
    const doubleAt = wordAt >>> 1;
    const kept = this.#kept;
    const seen = doubles[doubleAt + ACTIONS_SEEN] ?? 0;
    const place = seen % kept;
    const placeAt = wordAt + (ACTION_TIMES + kept) * 2 + place;
    const before = seen >= kept ? words[placeAt] : undefined;
    // Who does the same again and again needs no counting.
    if (before !== packed) {
      this.#shareTexts(packed);
      if (before !== undefined) this.#letGoOfAction(before);
      words[placeAt] = packed;
    }
    doubles[doubleAt + ACTION_TIMES + place] = atMs;
    doubles[doubleAt + ACTIONS_SEEN] = seen + 1;
  }

  addRisk(entry: number, added: number, atMs: number): void {
    if (added === 0) return;
    this.#setDouble(entry, RISK, Math.min(1, this.risk(entry) + added));
    this.#slide(entry, atMs);
  }

  /** A caller's entry, made if there is none. Throws SessionTableFull before anything is changed. */
  ofCaller(hash: KeyHash, nowMs: number, times: Times): number {
    const known = this.stripe.find(hash);
    if (known !== NONE) return this.#refresh(known, nowMs, times);
    let added = addHead(this.stripe, hash);
    for (let step = 0; added === NONE && step < SWEEP_STEPS_MAX; step++) if (this.#forgetOne(nowMs, times)) added = addHead(this.stripe, hash);
    if (added === NONE) throw new SessionTableFull();
    return this.#begin(added, nowMs);
  }

  /** NONE when the session has no place of its own: the caller's entry speaks for it. */
  ofSession(caller: number, hash: KeyHash, nowMs: number, times: Times): number {
    const known = this.stripe.find(hash);
    if (known !== NONE) {
      touchMember(this.stripe, known);
      return this.#refresh(known, nowMs, times);
    }
    if (membersOf(this.stripe, caller) >= SESSIONS_PER_CALLER_MAX) this.#dropOldestOf(caller);
    let added = addMember(this.stripe, caller, hash);
    if (added === NONE && this.#dropOldestOf(caller)) added = addMember(this.stripe, caller, hash);
    return added === NONE ? NONE : this.#begin(added, nowMs);
  }

  /** Holds a text; where there is no room, what may be forgotten is. Throws SessionTableFull: then nothing was changed that matters. */
  holdText({ hash, encoded }: Text, nowMs: number, times: Times): number {
    let text = this.texts.hold(hash, encoded);
    for (let step = 0; text === NONE && step < SWEEP_STEPS_MAX; step++) if (this.#forgetOne(nowMs, times)) text = this.texts.hold(hash, encoded);
    if (text === NONE) throw new SessionTableFull();
    return text;
  }

  #begin(entry: number, nowMs: number): number {
    this.#setDouble(entry, RISK_AT_MS, nowMs);
    this.#setDouble(entry, RAISED_AT_MS, nowMs);
    this.#setWord(entry, BIRTH, this.stripe.draw());
    return entry;
  }

  /** Ends what outlived its time, in place. */
  #refresh(entry: number, nowMs: number, { ttlMs, halfLifeMs }: Times): number {
    const { doubles } = this.stripe;
    const at = this.stripe.doubleAt(entry);
    if (nowMs >= (doubles[at + RAISED_AT_MS] ?? 0) + ttlMs) {
      doubles[at + RISK] = 0;
      this.#clearTaint(entry);
    }
    const riskAtMs = doubles[at + RISK_AT_MS] ?? 0;
    if (nowMs > riskAtMs) {
      const risk = doubles[at + RISK] ?? 0;
      if (risk !== 0) doubles[at + RISK] = risk * 2 ** ((riskAtMs - nowMs) / halfLifeMs);
      doubles[at + RISK_AT_MS] = nowMs;
    }
    return entry;
  }

  /** Of one caller: a session (its caller's entry holds all of it), else the caller itself if it has no live taint or risk. */
  #forgetOne(nowMs: number, { ttlMs }: Times): boolean {
    const entry = this.stripe.sweep(1);
    if (entry === NONE || !isHead(this.stripe, entry)) return false;
    if (this.#dropOldestOf(entry)) return true;
    if (nowMs < this.#double(entry, RAISED_AT_MS) + ttlMs && (this.taint(entry) >= 0 || this.risk(entry) > 0)) return false;
    this.#letGoOfAll(entry);
    this.stripe.remove(entry);
    return true;
  }

  #dropOldestOf(caller: number): boolean {
    const oldest = oldestOf(this.stripe, caller);
    if (oldest === NONE) return false;
    this.#letGoOfAll(oldest);
    removeMember(this.stripe, oldest);
    return true;
  }

  /** From now on everything in the entry lives its whole time again. */
  #slide(entry: number, nowMs: number): void {
    this.#setDouble(entry, RAISED_AT_MS, Math.max(this.#double(entry, RAISED_AT_MS), nowMs));
  }

  #letGoOfAll(entry: number): void {
    this.#clearTaint(entry);
    const seen = this.seen(entry);
    for (let number = Math.max(0, seen - this.#kept); number < seen; number++) this.#letGoOfAction(this.actionWord(entry, number));
  }

  #shareTexts(packed: number): void {
    this.texts.share(toolOf(packed));
    const destination = destinationIdOf(packed);
    if (destination !== NONE) this.texts.share(destination);
  }

  #letGoOfAction(packed: number): void {
    this.texts.letGo(toolOf(packed));
    const destination = destinationIdOf(packed);
    if (destination !== NONE) this.texts.letGo(destination);
  }

  #clearTaint(entry: number): void {
    const source = this.taintSource(entry);
    this.#setWord(entry, TAINT, 0);
    this.#setWord(entry, TAINT_SOURCE, 0);
    if (source !== NONE) this.texts.letGo(source);
  }

  #word(entry: number, word: number): number {
    return this.stripe.words[this.stripe.wordAt(entry) + word] ?? 0;
  }

  #setWord(entry: number, word: number, value: number): void {
    this.stripe.words[this.stripe.wordAt(entry) + word] = value;
  }

  #double(entry: number, double: number): number {
    return this.stripe.doubles[this.stripe.doubleAt(entry) + double] ?? 0;
  }

  #setDouble(entry: number, double: number, value: number): void {
    this.stripe.doubles[this.stripe.doubleAt(entry) + double] = value;
  }
}

export class SessionTable {
  readonly table: SharedTable;
  readonly actionsKept: number;
  readonly #stripes: ReadonlyMap<Stripe, SessionStripe>;
  readonly #texts = new Map<string, Text>();

  constructor(memory: SessionMemory, owner: number) {
    this.table = new SharedTable(memory.table, owner);
    this.actionsKept = memory.actionsKept;
    this.#stripes = new Map(this.table.stripes.map((stripe) => [stripe, new SessionStripe(stripe, memory)]));
  }

  stripeOf(hash: KeyHash): SessionStripe {
    return this.#stripes.get(this.table.stripeOf(hash)) as SessionStripe;
  }

  /** Names of tools and hosts come again and again: those lately used are kept encoded. */
  textOf(text: string): Text {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    if (this.#texts.size >= TEXTS_MAX) this.#texts.clear();
    const made = { hash: this.table.hashOf(text), encoded: Buffer.from(text) };
    this.#texts.set(text, made);
    return made;
  }
}
