// The JSON guard in TypeScript: the twin of native/json_guard, for machines where that can't be built, and the oracle it is tested against.
import { KeySet } from './key-set.js';
import type { HashSeed } from './siphash.js';
import { isSpellingOf } from './spellings.js';
import { decodeInto, StringWalk } from './strings.js';
import { FLAG, FLAGS, GUARD_OUT_LENGTH, KEYS, OFFSET, PARAMS_NAMES, SLOT } from './types.js';
import type { GuardLimits, GuardStatus, JsonGuard } from './types.js';

interface SlotKey {
  readonly key: Uint8Array;
  /** NO_SLOT: the name is known, its value is not noted. */
  readonly slot: number;
}

const NO_SLOT = -1;
/** Of a key that some readers take for a name that it is not. */
const AMBIGUOUS = -2;

function slotKeys(slots: Readonly<Record<string, number>>): readonly SlotKey[] {
  return Object.entries(slots).map(([key, slot]) => ({ key: Buffer.from(key), slot }));
}

/** Role of an object: 0 = no slots inside, 1 = the root, 2 = params, 3 = params._meta; what each role's keys mean. */
const ROLE_KEYS: readonly (readonly SlotKey[])[] = [
  [],
  slotKeys({ jsonrpc: SLOT.jsonrpc, id: SLOT.id, method: SLOT.method, params: SLOT.params, result: SLOT.result, error: SLOT.error }),
  slotKeys({
    name: SLOT.name, uri: SLOT.uri, arguments: SLOT.arguments, _meta: SLOT.meta,
    protocolVersion: SLOT.protocolVersion, requestId: SLOT.requestId, cursor: SLOT.cursor, ...Object.fromEntries(PARAMS_NAMES.map((name) => [name, NO_SLOT])),
  }),
  slotKeys({ 'io.modelcontextprotocol/protocolVersion': SLOT.metaProtocolVersion, 'io.modelcontextprotocol/clientCapabilities': SLOT.metaClientCapabilities, progressToken: SLOT.progressToken }),
];

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');

const OPEN_OBJECT = 0x7b;
const OPEN_ARRAY = 0x5b;
const COMMA = 0x2c;
const COLON = 0x3a;
const QUOTE = 0x22;
const NOTHING = new Uint8Array(0);

/** What a step leads to. */
const REFUSED = 0;
const VALUE_NEXT = 1;
const VALUE_DONE = 2;
const TEXT_DONE = 3;
type Step = typeof REFUSED | typeof VALUE_NEXT | typeof VALUE_DONE | typeof TEXT_DONE;

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function isLimit(limit: number): boolean {
  return Number.isInteger(limit) && limit >= 0 && limit <= 0xffffffff;
}

class GuardRun {
  readonly #keySet: KeySet;
  readonly #string = new StringWalk();
  #bytes: Uint8Array = NOTHING;
  #out: Uint32Array = new Uint32Array(GUARD_OUT_LENGTH);
  #limits: GuardLimits = { depthMax: 0, keysMax: 0 };
  #tokenizerOnly = false;
  #at = 0;
  #status: GuardStatus = 'ok';
  #keys = 0;
  // One frame per open container.
  #depth = 0;
  readonly #closers: number[] = [];
  readonly #roles: number[] = [];
  // Per role, the slot of the member being read and where its value begins.
  readonly #slots: number[] = [NO_SLOT, NO_SLOT, NO_SLOT, NO_SLOT];
  readonly #valueFroms: number[] = [0, 0, 0, 0];

  constructor(seed: HashSeed) {
    this.#keySet = new KeySet(seed);
  }

  check(bytes: Uint8Array, limits: GuardLimits, out: Uint32Array): GuardStatus {
    if (out.length < GUARD_OUT_LENGTH) throw new RangeError(`out needs ${GUARD_OUT_LENGTH} elements`);
    // A limit that is no whole number (NaN above all) would compare as no limit.
    if (!isLimit(limits.depthMax) || !isLimit(limits.keysMax)) throw new TypeError('depthMax and keysMax must be whole numbers of at most 32 bits');
    out.fill(0, 0, GUARD_OUT_LENGTH);
    this.#bytes = bytes;
    this.#out = out;
    this.#limits = limits;
    this.#tokenizerOnly = limits.tokenizerOnly === true;
    this.#at = 0;
    this.#status = 'ok';
    this.#keys = 0;
    this.#depth = 0;
    try {
      this.#readText();
      out[KEYS] = this.#keys;
      return this.#status;
    } finally {
      this.#keySet.clear();
      this.#bytes = NOTHING;
    }
  }

  #readText(): void {
    this.#skipSpace();
    const root = this.#bytes[this.#at];
    if (root === OPEN_ARRAY) this.#out[FLAGS] = FLAG.rootArray;
    else if (root !== undefined && root !== OPEN_OBJECT) this.#out[FLAGS] = FLAG.rootScalar;
    let step: Step = VALUE_NEXT;
    while (step === VALUE_NEXT) {
      step = this.#beginValue();
      if (step === VALUE_DONE) step = this.#finishValues();
    }
    if (step === REFUSED) return;
    this.#skipSpace();
    if (this.#at < this.#bytes.length) this.#refuse('syntax', this.#at);
    else if (root !== OPEN_OBJECT && !this.#tokenizerOnly) this.#status = 'not_object';
  }

  #refuse(status: GuardStatus, at: number): typeof REFUSED {
    this.#status = status;
    this.#out[OFFSET] = at;
    return REFUSED;
  }

  #skipSpace(): void {
    for (;;) {
      const byte = this.#bytes[this.#at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
      this.#at += 1;
    }
  }

  #beginValue(): Step {
    const byte = this.#bytes[this.#at];
    switch (byte) {
      case QUOTE: return this.#readString() ? VALUE_DONE : REFUSED;
      case OPEN_OBJECT: case OPEN_ARRAY: return this.#openContainer(byte);
      case 0x74: return this.#readLiteral(TRUE);
      case 0x66: return this.#readLiteral(FALSE);
      case 0x6e: return this.#readLiteral(NULL);
      default: return this.#readNumber();
    }
  }

  #openContainer(opener: number): Step {
    if (this.#depth >= this.#limits.depthMax) return this.#refuse('depth', this.#at);
    const isObject = opener === OPEN_OBJECT;
    this.#roles[this.#depth] = isObject ? this.#roleHere() : 0;
    this.#closers[this.#depth] = opener + 2;
    this.#depth += 1;
    this.#at += 1;
    if (isObject) this.#keySet.open();
    this.#skipSpace();
    if (this.#bytes[this.#at] === opener + 2) {
      this.#closeContainer();
      return VALUE_DONE;
    }
    return isObject ? this.#readKey() : VALUE_NEXT;
  }

  /** The role of an object that opens as the value being read. */
  #roleHere(): number {
    if (this.#depth === 0) return 1;
    const role = this.#roles[this.#depth - 1] ?? 0;
    const slot = this.#slots[role] ?? NO_SLOT;
    if (role === 1 && slot === SLOT.params) return 2;
    return role === 2 && slot === SLOT.meta ? 3 : 0;
  }

  #closeContainer(): void {
    this.#at += 1;
    this.#depth -= 1;
    if (this.#closers[this.#depth] === OPEN_OBJECT + 2) this.#keySet.close();
  }

  /** After a value: notes its span, closes what closes, and stops before the next value or at the end of the root. */
  #finishValues(): Step {
    for (;;) {
      if (this.#depth === 0) return TEXT_DONE;
      const frame = this.#depth - 1;
      this.#noteSpan(this.#roles[frame] ?? 0);
      this.#skipSpace();
      const byte = this.#bytes[this.#at];
      if (byte === COMMA) {
        this.#at += 1;
        this.#skipSpace();
        return this.#closers[frame] === OPEN_OBJECT + 2 ? this.#readKey() : VALUE_NEXT;
      }
      if (byte === undefined || byte !== this.#closers[frame]) return this.#refuse('syntax', this.#at);
      this.#closeContainer();
    }
  }

  #noteSpan(role: number): void {
    const slot = role === 0 ? NO_SLOT : this.#slots[role] ?? NO_SLOT;
    if (slot < 0) return;
    this.#out[2 * slot] = this.#valueFroms[role] ?? 0;
    this.#out[2 * slot + 1] = this.#at;
  }

  /** A member up to and with its colon. */
  #readKey(): Step {
    const from = this.#at;
    if (this.#bytes[from] !== QUOTE) return this.#refuse('syntax', from);
    this.#keys += 1;
    if (this.#keys > this.#limits.keysMax) return this.#refuse('keys', from);
    if (!this.#readString() || !this.#noteKey(from)) return REFUSED;
    this.#skipSpace();
    if (this.#bytes[this.#at] !== COLON) return this.#refuse('syntax', this.#at);
    this.#at += 1;
    this.#skipSpace();
    this.#valueFroms[this.#roles[this.#depth - 1] ?? 0] = this.#at;
    return VALUE_NEXT;
  }

  /** Judges the key whose opening quote is at `from` and which has just ended; finds its slot. */
  #noteKey(from: number): boolean {
    let source = this.#bytes;
    let begin = from + 1;
    let end = this.#at - 1;
    if (this.#string.escaped) {
      source = new Uint8Array(end - begin);
      end = decodeInto(source, this.#bytes, begin, end);
      begin = 0;
    }
    if (!this.#tokenizerOnly && !this.#keySet.add(source, begin, end)) {
      this.#refuse('duplicate_key', from);
      return false;
    }
    const role = this.#roles[this.#depth - 1] ?? 0;
    if (role === 0) return true;
    const slot = findSlot(ROLE_KEYS[role] ?? [], source, begin, end);
    this.#slots[role] = slot;
    if (slot !== AMBIGUOUS || this.#tokenizerOnly) return true;
    this.#refuse('ambiguous_key', from);
    return false;
  }

  #readString(): boolean {
    const string = this.#string;
    const walked = string.walk(this.#bytes, this.#at + 1);
    if (string.escaped) this.#out[FLAGS] = (this.#out[FLAGS] ?? 0) | FLAG.escapes;
    if (!walked) this.#refuse(string.status, string.end);
    else if (string.loneAt >= 0 && !this.#tokenizerOnly) this.#refuse('lone_surrogate', string.loneAt);
    this.#at = string.end;
    return this.#status === 'ok';
  }

  #readLiteral(word: Uint8Array): Step {
    for (let index = 0; index < word.length; index += 1, this.#at += 1) {
      if (this.#bytes[this.#at] !== word[index]) return this.#refuse('syntax', this.#at);
    }
    return VALUE_DONE;
  }

  #readNumber(): Step {
    const bytes = this.#bytes;
    if (bytes[this.#at] === 0x2d) this.#at += 1;
    if (bytes[this.#at] === 0x30) this.#at += 1;
    else if (!this.#readDigits()) return REFUSED;
    if (bytes[this.#at] === 0x2e) {
      this.#at += 1;
      if (!this.#readDigits()) return REFUSED;
    }
    if (((bytes[this.#at] ?? 0) | 0x20) !== 0x65) return VALUE_DONE;
    this.#at += 1;
    if (bytes[this.#at] === 0x2b || bytes[this.#at] === 0x2d) this.#at += 1;
    return this.#readDigits() ? VALUE_DONE : REFUSED;
  }

  /** One digit or more. */
  #readDigits(): boolean {
    if (!isDigit(this.#bytes[this.#at])) {
      this.#refuse('syntax', this.#at);
      return false;
    }
    while (isDigit(this.#bytes[this.#at])) this.#at += 1;
    return true;
  }
}

function findSlot(candidates: readonly SlotKey[], source: Uint8Array, from: number, to: number): number {
  for (const { key, slot } of candidates) {
    if (key.length !== to - from) continue;
    let same = 0;
    while (same < key.length && key[same] === source[from + same]) same += 1;
    if (same === key.length) return slot;
  }
  return candidates.some(({ key }) => isSpellingOf(key, source, from, to)) ? AMBIGUOUS : NO_SLOT;
}

export function createTypescriptGuard(seed: HashSeed, because: string): JsonGuard {
  const run = new GuardRun(seed);
  return { engine: 'typescript', because, scratch: new Uint32Array(GUARD_OUT_LENGTH), check: (bytes, limits, out) => run.check(bytes, limits, out) };
}
