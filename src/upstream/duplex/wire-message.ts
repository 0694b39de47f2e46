// What of a JSON-RPC message matters where many share one stream: its kind, and where the ids lie that must be unique on it.
import { GUARD_OUT_LENGTH, SLOT, type GuardLimits, type JsonGuard } from '../../base/json/types.js';
import { memberAt, stringAt } from '../../base/json/members.js';
import type { ValueSpan } from '../../base/json/spans.js';
import { SUBSCRIPTION_ID } from '../../mcp/subscriptions.js';

export interface WireMessage {
  readonly kind: 'request' | 'notification' | 'response' | 'invalid';
  readonly method: string;
  readonly isError: boolean;
  readonly id: ValueSpan | undefined;
  readonly params: ValueSpan | undefined;
  readonly result: ValueSpan | undefined;
  /** Of a request: what its progress is reported under. */
  readonly progressToken: ValueSpan | undefined;
  /** Of notifications/cancelled. */
  readonly requestId: ValueSpan | undefined;
}

export interface Edit extends ValueSpan {
  readonly text: string;
}

export class WireReader {
  readonly #guard: JsonGuard;
  readonly #limits: GuardLimits;
  readonly #out = new Uint32Array(GUARD_OUT_LENGTH);

  constructor(guard: JsonGuard, limits: GuardLimits) {
    this.#guard = guard;
    this.#limits = limits;
  }

  read(bytes: Uint8Array): WireMessage {
    const valid = this.#guard.check(bytes, this.#limits, this.#out) === 'ok';
    const [id, methodAt, result] = [this.#span(SLOT.id), this.#span(SLOT.method), this.#span(SLOT.result)];
    const method = valid && methodAt !== undefined ? stringAt(bytes, methodAt) ?? '' : undefined;
    const isError = this.#span(SLOT.error) !== undefined;
    return { kind: valid ? kindOf(id, method, result, isError) : 'invalid', method: method ?? '', isError, id, result, params: this.#span(SLOT.params), progressToken: this.#span(SLOT.progressToken), requestId: this.#span(SLOT.requestId) };
  }

  #span(slot: number): ValueSpan | undefined {
    const [from, to] = [this.#out[slot * 2] ?? 0, this.#out[slot * 2 + 1] ?? 0];
    return to > from ? { from, to } : undefined;
  }
}

/** Params of a notification that name what it belongs to, by an id of the stream. */
export function progressTokenOf(bytes: Uint8Array, message: WireMessage): ValueSpan | undefined {
  return message.params === undefined ? undefined : memberAt(bytes, ['progressToken'], message.params);
}

/** The id of the subscriptions/listen that a notification belongs to (2026-07-28). */
export function subscriptionOf(bytes: Uint8Array, message: WireMessage): ValueSpan | undefined {
  return message.params === undefined ? undefined : memberAt(bytes, ['_meta', SUBSCRIPTION_ID], message.params);
}

/** The same bytes with other texts in some places; no value is written anew. */
export function splice(bytes: Uint8Array, edits: readonly Edit[]): Buffer {
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const edit of edits.toSorted((a, b) => a.from - b.from)) {
    parts.push(bytes.subarray(at, edit.from), Buffer.from(edit.text));
    at = edit.to;
  }
  parts.push(bytes.subarray(at));
  return Buffer.concat(parts);
}

function kindOf(id: ValueSpan | undefined, method: string | undefined, result: ValueSpan | undefined, isError: boolean): WireMessage['kind'] {
  if (method !== undefined) return method === '' ? 'invalid' : id === undefined ? 'notification' : 'request';
  return id === undefined || (result !== undefined) === isError ? 'invalid' : 'response';
}
