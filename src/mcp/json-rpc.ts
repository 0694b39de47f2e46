// From the guard's spans to one Call, or to the protocol error the specs ask for (JSON-RPC 2.0; MCP 2024-11-05 to 2026-07-28).
import { memberAt, stringAt } from '../base/json/members.js';
import { decodeString, memberSpans, skipString } from '../base/json/spans.js';
import { isOtherSpelling } from '../base/json/spellings.js';
import { FLAG, FLAGS, GUARD_OUT_LENGTH, OFFSET, SLOT, type GuardLimits, type GuardStatus, type JsonGuard } from '../base/json/types.js';
import { checkEra, refuseRemovedMethod, type Draft, type MirrorHeaders } from './eras.js';
import { METHODS, type MethodRow } from './methods.js';
import { INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR } from './rpc-codes.js';
import { Spans } from './spans.js';
import type { ParsedCall, ProtocolError } from './types.js';
import { BATCH_MESSAGES_MAX, BATCH_VERSION } from './versions.js';

/** Ids are echoed and remembered while a call runs; no client needs more. */
const ID_BYTES_MAX = 1024;
/** A method goes into metrics, cache keys and the audit line. */
const METHOD_BYTES_MAX = 256;
/** A name goes there too; MCP recommends at most 128 characters (2025-11-25, server/tools). */
const NAME_BYTES_MAX = 1024;
/** The longest URI that servers commonly accept. */
export const URI_BYTES_MAX = 8192;

const REF_MEMBERS: readonly string[] = ['type', 'name', 'uri'];
const INTEGER = /^-?(?:0|[1-9][0-9]*)$/;

const GUARD_MESSAGES: Readonly<Record<Exclude<GuardStatus, 'ok' | 'ambiguous_key'>, string>> = {
  syntax: 'The body is not valid JSON.',
  utf8: 'The body is not valid UTF-8.',
  depth: 'The message is nested too deeply.',
  keys: 'The message has too many keys.',
  duplicate_key: 'An object in the message has the same key twice.',
  lone_surrogate: 'A string in the message has a lone surrogate escape.',
  not_object: 'The body is not one JSON-RPC message object.',
};

function refuse(rpcCode: number, message: string, idText?: string, data?: Readonly<Record<string, unknown>> & { readonly reason: string }): ParsedCall {
  const error: ProtocolError = { rpcCode, httpStatus: 400, message, idText, ...(data === undefined ? {} : { data, reasonCode: data.reason }) };
  return { ok: false, error };
}

/** The key at `from`, up to a NUL: it was judged by no more, and the rest could be a secret. */
function keyAt(bytes: Uint8Array, from: number): string {
  return decodeString(bytes, from, skipString(bytes, from)).split('\0', 1)[0] ?? '';
}

function refuseAmbiguous(bytes: Uint8Array, out: Uint32Array): ParsedCall {
  const offset = out[OFFSET] ?? 0;
  const member = keyAt(bytes, offset);
  const message = `Some servers read the member ${JSON.stringify(member)} as one of the protocol's: spell it exactly as the specification does, or leave it out.`;
  return refuse(INVALID_REQUEST, message, undefined, { reason: 'ambiguous_key', offset, member });
}

function refuseByGuard(bytes: Uint8Array, status: Exclude<GuardStatus, 'ok'>, out: Uint32Array): ParsedCall {
  if (status === 'ambiguous_key') return refuseAmbiguous(bytes, out);
  const code = status === 'syntax' || status === 'utf8' ? PARSE_ERROR : INVALID_REQUEST;
  const batch = status === 'not_object' && ((out[FLAGS] ?? 0) & FLAG.rootArray) !== 0;
  const message = batch ? `Send one message at a time: batches are part of ${BATCH_VERSION} over HTTP POST only, and of at most ${BATCH_MESSAGES_MAX} messages.` : GUARD_MESSAGES[status];
  return refuse(code, message, undefined, { reason: batch ? 'batch' : status, offset: out[OFFSET] ?? 0 });
}

/** The id's raw text; '' if absent; undefined if it is none that MCP allows (null, a fraction, an exponent, an object, too long). */
function readId(spans: Spans): string | undefined {
  if (!spans.has(SLOT.id)) return '';
  if (spans.width(SLOT.id) > ID_BYTES_MAX) return undefined;
  const raw = spans.raw(SLOT.id);
  return spans.isString(SLOT.id) || INTEGER.test(raw) ? raw : undefined;
}

function parseResponse(spans: Spans, idText: string, headers: MirrorHeaders): ParsedCall {
  const hasResult = spans.has(SLOT.result);
  const both = hasResult && spans.has(SLOT.error);
  // The id of an answer is its server's: a refusal under it could be taken for the answer to a request of the client's own.
  if (hasResult === spans.has(SLOT.error)) return refuse(INVALID_REQUEST, 'A message needs a method, or exactly one of result and error.', both ? undefined : idText || undefined);
  if (idText === '') return refuse(INVALID_REQUEST, 'An answer needs the id of the request it answers.');
  if (!spans.isObject(hasResult ? SLOT.result : SLOT.error)) return refuse(INVALID_REQUEST, 'result and error must be objects.');
  const draft: Draft = {
    kind: 'response', era: 'legacy', method: '', idText, idFrom: spans.from(SLOT.id), idTo: spans.to(SLOT.id), name: '', uri: '', protocolVersion: '', argumentsFrom: 0, argumentsTo: 0,
    escapes: hasEscapes(spans),
  };
  return checkEra(draft, spans, headers);
}

function hasEscapes(spans: Spans): boolean {
  return ((spans.out[FLAGS] ?? 0) & FLAG.escapes) !== 0;
}

/** What is wrong with the params of a method that the gateway routes or scans by its params; undefined = nothing. */
function checkParams(method: string, spans: Spans, name: string | undefined, uri: string | undefined): string | undefined {
  const row = METHODS.get(method);
  const byName = row?.nameFrom === 'name';
  if (byName && (name === undefined || name === '')) return `${method} needs params.name, a string that is not empty.`;
  if (spans.width(SLOT.name) > NAME_BYTES_MAX && byName) return `params.name is longer than ${NAME_BYTES_MAX} bytes.`;
  if (byName && spans.has(SLOT.arguments) && !spans.isObject(SLOT.arguments)) return 'params.arguments must be an object.';
  if (row?.route !== 'resource') return undefined;
  if (uri === undefined || uri === '') return `${method} needs params.uri, a string that is not empty.`;
  return spans.width(SLOT.uri) > URI_BYTES_MAX ? `params.uri is longer than ${URI_BYTES_MAX} bytes.` : undefined;
}

interface Subject {
  readonly name: string | undefined;
  readonly uri: string | undefined;
}

const NO_SUBJECT: Subject = Object.freeze({ name: undefined, uri: undefined });

/** What the call names, in the params of its method. */
function readSubject(row: MethodRow | undefined, spans: Spans): Subject {
  if (row?.nameFrom === 'name') return { name: spans.text(SLOT.name), uri: undefined };
  if (row?.route === 'resource') return { name: undefined, uri: spans.text(SLOT.uri) };
  return row?.route === 'reference' ? readReference(spans) : NO_SUBJECT;
}

/** What completion/complete refers to (2025-11-25, server/utilities/completion): a prompt's name, or a resource's URI or template. */
function readReference(spans: Spans): Subject {
  const { view } = spans;
  const ref = memberAt(view, ['params', 'ref']);
  if (ref === undefined) return NO_SUBJECT;
  const members = memberSpans(view, ref.from, ref.to);
  // Some servers read another spelling of a member, too: what is judged must be what is completed.
  if (members.some(({ key }) => isOtherSpelling(key, REF_MEMBERS))) return NO_SUBJECT;
  const text = (key: string): string | undefined => stringAt(view, members.find((one) => one.key === key));
  switch (text('type')) {
    case 'ref/prompt': return { name: text('name'), uri: undefined };
    case 'ref/resource': return { name: undefined, uri: text('uri') };
    default: return NO_SUBJECT;
  }
}

function checkReference(method: string, { name = '', uri = '' }: Subject): string | undefined {
  if (name === '' && uri === '') return `${method} needs params.ref: {"type":"ref/prompt","name":…} or {"type":"ref/resource","uri":…}.`;
  if (Buffer.byteLength(name) > NAME_BYTES_MAX) return `params.ref.name is longer than ${NAME_BYTES_MAX} bytes.`;
  return Buffer.byteLength(uri) > URI_BYTES_MAX ? `params.ref.uri is longer than ${URI_BYTES_MAX} bytes.` : undefined;
}

function parseMethodCall(spans: Spans, idText: string, headers: MirrorHeaders): ParsedCall {
  const echoed = idText === '' ? undefined : idText;
  const method = spans.width(SLOT.method) > METHOD_BYTES_MAX ? '' : spans.text(SLOT.method) ?? '';
  if (method === '') return refuse(INVALID_REQUEST, `method must be a string of 1 to ${METHOD_BYTES_MAX} bytes.`, echoed);
  if (spans.has(SLOT.result) || spans.has(SLOT.error)) return refuse(INVALID_REQUEST, 'A message with a method has neither result nor error.', echoed);
  if (spans.has(SLOT.params) && !spans.isObject(SLOT.params)) return refuse(INVALID_REQUEST, 'params must be an object.', echoed);
  const row = METHODS.get(method);
  // Some servers run a request that lacks its id: it must not slip through as a notification.
  if (echoed === undefined && row?.kind === 'request') return refuse(INVALID_REQUEST, `${method} is a request and needs an id.`);
  const removed = refuseRemovedMethod(method, echoed, spans);
  if (removed !== undefined) return removed;
  const { name, uri } = readSubject(row, spans);
  const wrong = row?.route === 'reference' ? checkReference(method, { name, uri }) : checkParams(method, spans, name, uri);
  if (wrong !== undefined) return refuse(INVALID_PARAMS, wrong, echoed);
  const draft: Draft = {
    kind: echoed === undefined ? 'notification' : 'request', era: 'legacy', method, idText: echoed, idFrom: spans.from(SLOT.id), idTo: spans.to(SLOT.id), name: name ?? '', uri: uri ?? '', protocolVersion: '',
    argumentsFrom: spans.from(SLOT.arguments), argumentsTo: spans.to(SLOT.arguments), escapes: hasEscapes(spans),
  };
  return checkEra(draft, spans, headers);
}

/** The id of a request that is refused before any layer has read it; undefined for what asks for no answer. */
export function createRequestIdReader(guard: JsonGuard, limits: GuardLimits): (bytes: Uint8Array) => string | undefined {
  const out = new Uint32Array(GUARD_OUT_LENGTH);
  return (bytes) => {
    if (guard.check(bytes, limits, out) !== 'ok') return undefined;
    const spans = new Spans(bytes, out);
    return spans.has(SLOT.method) ? readId(spans) || undefined : undefined;
  };
}

/**
 * Reads one message. `bytes` are the body, `status` and `out` what the guard said of it; headers are '' where absent.
 * Every refusal carries the message's id where it has a valid one, so that the client can match it.
 */
export function parseCall(bytes: Uint8Array, status: GuardStatus, out: Uint32Array, headers: MirrorHeaders): ParsedCall {
  if (status !== 'ok') return refuseByGuard(bytes, status, out);
  const spans = new Spans(bytes, out);
  const idText = readId(spans);
  if (idText === undefined) return refuse(INVALID_REQUEST, `id must be a string or a plain integer of at most ${ID_BYTES_MAX} bytes.`);
  if (spans.text(SLOT.jsonrpc) !== '2.0') return refuse(INVALID_REQUEST, 'jsonrpc must be "2.0".', idText || undefined);
  return spans.has(SLOT.method) ? parseMethodCall(spans, idText, headers) : parseResponse(spans, idText, headers);
}
