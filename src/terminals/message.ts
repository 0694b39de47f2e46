// Reads a message from a tool server: what it is, whose it is, and the same message under another id.
import { replaceSpan } from '../base/json/edits.js';
import { FLAG, FLAGS, GUARD_OUT_LENGTH, SLOT, type GuardLimits, type GuardStatus, type JsonGuard } from '../base/json/types.js';

export interface ServerMessage {
  readonly kind: 'response' | 'request' | 'notification' | 'invalid';
  readonly method: string;
  /** Raw JSON text; empty = none. */
  readonly idText: string;
  readonly idFrom: number;
  readonly idTo: number;
  /** For a response: whether it is an error. */
  readonly isError: boolean;
  /** Some string in it holds a backslash escape. */
  readonly escapes: boolean;
  /** Of an invalid one that is JSON all the same: which of the gateway's own limits it passes. */
  readonly beyond?: GuardStatus;
}

const INVALID: ServerMessage = { kind: 'invalid', method: '', idText: '', idFrom: 0, idTo: 0, isError: false, escapes: false };
const BEYOND: ReadonlySet<GuardStatus> = new Set<GuardStatus>(['depth', 'keys', 'duplicate_key', 'lone_surrogate', 'ambiguous_key']);

export function readServerMessage(bytes: Uint8Array, guard: JsonGuard, limits: GuardLimits): ServerMessage {
  const out = guard.scratch ?? new Uint32Array(GUARD_OUT_LENGTH);
  const status = guard.check(bytes, limits, out);
  if (status !== 'ok') return BEYOND.has(status) ? { ...INVALID, beyond: status } : INVALID;
  const view = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const idFrom = out[SLOT.id * 2] ?? 0;
  const idTo = out[SLOT.id * 2 + 1] ?? 0;
  const methodFrom = out[SLOT.method * 2] ?? 0;
  const methodTo = out[SLOT.method * 2 + 1] ?? 0;
  const escapes = ((out[FLAGS] ?? 0) & FLAG.escapes) !== 0;
  const idText = view.toString('utf8', idFrom, idTo);
  const hasMethod = methodTo > methodFrom;
  const hasResult = (out[SLOT.result * 2 + 1] ?? 0) > 0;
  const isError = (out[SLOT.error * 2 + 1] ?? 0) > 0;
  if (hasMethod) {
    const method = readText(view, methodFrom, methodTo);
    return method === '' ? INVALID : { kind: idTo > idFrom ? 'request' : 'notification', method, idText, idFrom, idTo, isError: false, escapes };
  }
  if (idTo === idFrom || hasResult === isError) return INVALID;
  return { kind: 'response', method: '', idText, idFrom, idTo, isError, escapes };
}

/** The same message under another id; every other byte as it came. `place`: where its id lies. */
export function withId(bytes: Uint8Array, place: Pick<ServerMessage, 'idFrom' | 'idTo'>, idText: string): Uint8Array {
  return replaceSpan(bytes, { from: place.idFrom, to: place.idTo }, idText);
}

/** The same request of another tool: only params.name is another. `bytes`: a message that has one, and passed the guard. */
export function withName(bytes: Uint8Array, name: string, guard: JsonGuard, limits: GuardLimits): Uint8Array {
  const out = guard.scratch ?? new Uint32Array(GUARD_OUT_LENGTH);
  const status = guard.check(bytes, limits, out);
  const [from, to] = [out[SLOT.name * 2] ?? 0, out[SLOT.name * 2 + 1] ?? 0];
  if (status !== 'ok' || to === 0) throw new TypeError('the message has no params.name');
  return replaceSpan(bytes, { from, to }, JSON.stringify(name));
}

function readText(view: Buffer, from: number, to: number): string {
  try {
    const parsed: unknown = JSON.parse(view.toString('utf8', from, to));
    return typeof parsed === 'string' ? parsed : '';
  } catch {
    return '';
  }
}
