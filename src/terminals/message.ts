// Reads a message from a tool server: what it is, whose it is, and the same message under another id.
import { GUARD_OUT_LENGTH, SLOT, type GuardLimits, type JsonGuard } from '../base/json/types.js';

export interface ServerMessage {
  readonly kind: 'response' | 'request' | 'notification' | 'invalid';
  readonly method: string;
  /** Raw JSON text; empty = none. */
  readonly idText: string;
  readonly idFrom: number;
  readonly idTo: number;
  /** For a response: whether it is an error. */
  readonly isError: boolean;
}

const INVALID: ServerMessage = { kind: 'invalid', method: '', idText: '', idFrom: 0, idTo: 0, isError: false };


export function readServerMessage(bytes: Uint8Array, guard: JsonGuard, limits: GuardLimits): ServerMessage {
  const out = guard.scratch ?? new Uint32Array(GUARD_OUT_LENGTH);
  if (guard.check(bytes, limits, out) !== 'ok') return INVALID;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const span = (slot: number): [number, number] => [out[slot * 2] ?? 0, out[slot * 2 + 1] ?? 0];
  const [idFrom, idTo] = span(SLOT.id);
  const [methodFrom, methodTo] = span(SLOT.method);
  const idText = view.toString('latin1', idFrom, idTo);
  const hasMethod = methodTo > methodFrom;
  const hasResult = (out[SLOT.result * 2 + 1] ?? 0) > 0;
  const isError = (out[SLOT.error * 2 + 1] ?? 0) > 0;
  if (hasMethod) {
    const method = readText(view, methodFrom, methodTo);
    return method === '' ? INVALID : { kind: idTo > idFrom ? 'request' : 'notification', method, idText, idFrom, idTo, isError: false };
  }
  if (idTo === idFrom || hasResult === isError) return INVALID;
  return { kind: 'response', method: '', idText, idFrom, idTo, isError };
}

/** The same message under another id; every other byte as it came. */
export function withId(bytes: Uint8Array, message: ServerMessage, idText: string): Uint8Array {
  return Buffer.concat([bytes.subarray(0, message.idFrom), Buffer.from(idText), bytes.subarray(message.idTo)]);
}

function readText(view: Buffer, from: number, to: number): string {
  try {
    const parsed: unknown = JSON.parse(view.toString('utf8', from, to));
    return typeof parsed === 'string' ? parsed : '';
  } catch {
    return '';
  }
}
