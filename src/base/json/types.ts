// What the JSON guard says about one body: a status and the spans the gateway needs, found in one pass over the bytes.

export interface GuardLimits {
  /** Deepest allowed nesting of arrays and objects. */
  readonly depthMax: number;
  /** Most keys in all objects of one message together. */
  readonly keysMax: number;
  /** Judges the text as RFC 8259 does: UTF-8, grammar, depth and keys; duplicate and ambiguous keys, lone surrogate escapes and a root that is no object pass. */
  readonly tokenizerOnly?: boolean;
}

/**
 * First thing wrong, in the order the bytes show it. `syntax` and `utf8` are −32700; all others but `ok` are −32600.
 * A string is judged when it ends: `lone_surrogate`, then `duplicate_key`, then `ambiguous_key`, at its closing quote; `keys` at its opening quote; `depth` at the bracket;
 * `not_object` after the whole text. Outside strings a byte above 7F is `syntax`, and so is a byte order mark.
 * `ambiguous_key`: at the root, in params or in params._meta, a key that is no protocol name of that place but that some readers take for one (spellings.ts).
 */
export const GUARD_STATUS = ['ok', 'syntax', 'utf8', 'depth', 'keys', 'duplicate_key', 'lone_surrogate', 'not_object', 'ambiguous_key'] as const;
export type GuardStatus = (typeof GUARD_STATUS)[number];

/**
 * Value spans in `out`: slot n occupies out[2n] (from) and out[2n+1] (to, exclusive); 0,0 = absent. A string's span includes its quotes.
 * After the slots: out[FLAGS], out[OFFSET] (byte where the refused thing begins; 0 for ok and not_object), out[KEYS] (keys begun).
 * After a refusal the spans of members that were complete before it, and the flags seen until then, stay in `out`.
 * Keys are compared decoded: "\u006dethod" is `method`.
 */
export const SLOT = {
  jsonrpc: 0, id: 1, method: 2, params: 3, result: 4, error: 5,
  name: 6, uri: 7, arguments: 8, meta: 9, protocolVersion: 10,
  /** params._meta["io.modelcontextprotocol/protocolVersion"] */
  metaProtocolVersion: 11,
  /** params.requestId (notifications/cancelled) */
  requestId: 12,
  /** params._meta.progressToken */
  progressToken: 13,
  cursor: 14,
  /** params._meta["io.modelcontextprotocol/clientCapabilities"] */
  metaClientCapabilities: 15,
} as const;
/** Members of params without a slot that say what a message is about: in no other spelling either may they reach a server. */
export const PARAMS_NAMES = ['capabilities', 'clientInfo', 'level', 'ref', 'argument', 'taskId', 'progressToken', 'inputResponses', 'requestState'] as const;
export const SLOT_COUNT = 16;
export const FLAGS = SLOT_COUNT * 2;
export const OFFSET = FLAGS + 1;
export const KEYS = FLAGS + 2;
export const GUARD_OUT_LENGTH = FLAGS + 3;

/** Bits of out[FLAGS]. */
export const FLAG = {
  /** Some string (key or value) holds a backslash escape, so a scan of the raw bytes alone is not enough. */
  escapes: 1,
  /** The root is an array / a scalar. With status `not_object`: the text is valid JSON but no object. */
  rootArray: 2,
  rootScalar: 4,
} as const;

export interface JsonGuard {
  readonly engine: 'native' | 'typescript';
  /** Why this engine was chosen, for people. */
  readonly because: string;
  /** An `out` for whoever reads it before the next check: a fresh one is an allocation outside the heap per message. */
  readonly scratch?: Uint32Array;
  /** Validates `bytes` (strict UTF-8, RFC 8259, limits, no duplicate or ambiguous keys, no lone surrogate escapes) and fills `out` (length ≥ GUARD_OUT_LENGTH). */
  check(bytes: Uint8Array, limits: GuardLimits, out: Uint32Array): GuardStatus;
}
