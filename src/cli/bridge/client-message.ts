// One line of a stdio client: what it is, whose answer it waits for, and what the transport repeats of it in headers. The bytes themselves pass as they are.
import { elementSpans, memberSpans, type MemberSpan, type ValueSpan } from '../../base/json/spans.js';
import { memberAt, memberOf, stringAt, textAt } from '../../base/json/members.js';
import { FLAG, FLAGS, GUARD_OUT_LENGTH, SLOT, type JsonGuard } from '../../base/json/types.js';
import { METHODS } from '../../mcp/methods.js';
import { Spans } from '../../mcp/spans.js';
import { eraOfVersion } from '../../mcp/versions.js';

export interface ClientMessage {
  readonly bytes: Buffer;
  /** `odd`: JSON, but no message; the gateway says what is wrong with it. */
  readonly kind: 'request' | 'notification' | 'response' | 'batch' | 'odd';
  /** '' = none. */
  readonly method: string;
  /** Raw texts of the ids that wait for an answer: one of a request, any number of a batch. */
  readonly idTexts: readonly string[];
  /** The version that `_meta` claims, if it is a stateless one; '' = none. */
  readonly version: string;
  /** What Mcp-Name repeats; '' = nothing. */
  readonly name: string;
  /** Of a tools/call. */
  readonly args: ValueSpan | undefined;
  /** Raw text of the id that notifications/cancelled names. */
  readonly cancels: string | undefined;
}

/** The gateway has its own limits and refuses; these are what can still be walked over here. */
const LIMITS = { depthMax: 1_000, keysMax: 5_000_000 } as const;
const NONE: Omit<ClientMessage, 'bytes' | 'kind'> = { method: '', idTexts: [], version: '', name: '', args: undefined, cancels: undefined };

export class ClientMessageReader {
  readonly #guard: JsonGuard;
  readonly #out = new Uint32Array(GUARD_OUT_LENGTH);

  constructor(guard: JsonGuard) {
    this.#guard = guard;
  }

  /** The answers in what the gateway sent: one, those of a batch, or none (a request or notification of a server). Undefined = it is no JSON-RPC: of somebody else, and a client must not meet it on stdout. */
  answersIn(bytes: Buffer): readonly Answer[] | undefined {
    if (this.#guard.check(bytes, { ...LIMITS, tokenizerOnly: true }, this.#out) !== 'ok' || ((this.#out[FLAGS] ?? 0) & FLAG.rootScalar) !== 0) return undefined;
    const isArray = ((this.#out[FLAGS] ?? 0) & FLAG.rootArray) !== 0;
    const messages = (isArray ? elementSpans(bytes, 0, bytes.length) : [{ from: 0, to: bytes.length }]).map(({ from, to }) => memberSpans(bytes, from, to));
    if (messages.length === 0 || !messages.every((members) => stringAt(bytes, named(members, 'jsonrpc')) === '2.0')) return undefined;
    return messages.flatMap((members) => answerOf(bytes, members) ?? []);
  }

  /** Undefined = no JSON. */
  read(bytes: Buffer): ClientMessage | undefined {
    const status = this.#guard.check(bytes, LIMITS, this.#out);
    if (status === 'ok') return readOne(bytes, new Spans(bytes, this.#out));
    if (status === 'syntax' || status === 'utf8') return undefined;
    // Its keys may be double, or too deep: what is read of it here is its id, so that the refusal finds its request.
    if (this.#guard.check(bytes, { ...LIMITS, tokenizerOnly: true }, this.#out) !== 'ok') return { ...NONE, bytes, kind: 'odd' };
    const isArray = ((this.#out[FLAGS] ?? 0) & FLAG.rootArray) !== 0;
    if (isArray) return { ...NONE, bytes, kind: 'batch', idTexts: elementSpans(bytes, 0, bytes.length).flatMap((element) => askedIn(bytes, element)) };
    const whole = { from: 0, to: bytes.length };
    return { ...NONE, bytes, kind: 'odd', idTexts: askedIn(bytes, whole) };
  }
}

function readOne(bytes: Buffer, spans: Spans): ClientMessage {
  const method = spans.text(SLOT.method);
  const idText = spans.has(SLOT.id) && isId(spans.raw(SLOT.id)) ? spans.raw(SLOT.id) : undefined;
  if (method === undefined) return { ...NONE, bytes, kind: spans.has(SLOT.result) || spans.has(SLOT.error) ? 'response' : 'odd', idTexts: spans.has(SLOT.result) || spans.has(SLOT.error) || idText === undefined ? [] : [idText] };
  const claim = spans.text(SLOT.metaProtocolVersion) ?? '';
  const nameFrom = METHODS.get(method)?.nameFrom;
  return {
    bytes,
    kind: spans.has(SLOT.id) ? 'request' : 'notification',
    method,
    idTexts: idText === undefined ? [] : [idText],
    // A claim of a version unknown here goes out as a stateless one: the gateway answers with those it supports.
    version: claim !== '' && eraOfVersion(claim) !== 'legacy' ? claim : '',
    name: nameFrom === undefined ? '' : spans.text(nameFrom === 'name' ? SLOT.name : SLOT.uri) ?? '',
    args: spans.has(SLOT.arguments) ? { from: spans.from(SLOT.arguments), to: spans.to(SLOT.arguments) } : undefined,
    cancels: method === 'notifications/cancelled' && spans.has(SLOT.requestId) ? spans.raw(SLOT.requestId) : undefined,
  };
}

/** The id of the request there; none where it is no request. */
function askedIn(bytes: Buffer, at: ValueSpan): string[] {
  const [id, method] = [textAt(bytes, memberOf(bytes, at, 'id')), stringAt(bytes, memberOf(bytes, at, 'method'))];
  return id !== undefined && method !== undefined && isId(id) ? [id] : [];
}

function isId(text: string): boolean {
  return text.startsWith('"') || /^-?\d/.test(text);
}

export interface Answer {
  /** Raw; `null` where the gateway could not tell whose it is. */
  readonly idText: string;
  readonly isError: boolean;
}

/** Undefined = the message is none. */
function answerOf(bytes: Buffer, members: readonly MemberSpan[]): Answer | undefined {
  const isError = named(members, 'error') !== undefined;
  if (named(members, 'method') !== undefined || (!isError && named(members, 'result') === undefined)) return undefined;
  return { idText: textAt(bytes, named(members, 'id')) ?? 'null', isError };
}

/** All of a message is read at once: an answer may have 64 MiB. */
function named(members: readonly MemberSpan[], key: string): MemberSpan | undefined {
  return members.find((member) => member.key === key);
}

/** Of a tools/call that was refused because an argument must stand in a header, too. */
export function lacksParamHeader(bytes: Buffer): boolean {
  const code = textAt(bytes, memberAt(bytes, ['error', 'code']));
  return code === '-32020' && /^mcp-param-/i.test(stringAt(bytes, memberAt(bytes, ['error', 'data', 'header'])) ?? '');
}
