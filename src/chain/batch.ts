// A JSON-RPC batch, which 2025-03-26 alone of all versions has (basic/transports): each of its messages is a request of its own, with all layers and its own record; the answers go
// back together.
import { memberAt, textAt } from '../base/json/members.js';
import { elementSpans } from '../base/json/spans.js';
import { FLAG, FLAGS, GUARD_OUT_LENGTH, type GuardLimits, type JsonGuard } from '../base/json/types.js';
import { inTurns, type Pieces } from '../base/turns/in-turns.js';
import type { AbortCause, Handle, HeaderPairs, Inbound, Reply } from '../front/types.js';
import { JSON_HEADERS } from '../mcp/media-types.js';
import { BATCH_MESSAGES_MAX, BATCH_VERSION } from '../mcp/versions.js';

const OPEN_ARRAY = 0x5b;
const OK = 200;
const ACCEPTED = 202;
const REFUSED_FROM = 400;
const COMMA = Buffer.from(',');
/**
 * Messages of about so many bytes together are handed on in one turn of the event loop: as much as is scanned on it of one message (dlp.inline_bytes_max), twice. Fifty
 * such messages, one right after the other, kept all other calls waiting for a third of a second.
 */
const TURN_BYTES = 32 * 1024;

export interface BatchParts {
  readonly guard: JsonGuard;
  readonly limits: () => GuardLimits;
  /** All answers of one batch together: as much as one call may have. */
  readonly answerBytesMax: () => number;
  /** The version that a live session of this thread has negotiated. */
  readonly sessionVersion: (id: string) => string | undefined;
  readonly handle: Handle;
  /** Told of what `handle` throws; most is handed on in a later turn, where nobody is left to catch it. */
  readonly onFault: (fault: unknown) => void;
}

/** Takes a batch apart and hands its messages on; false = it is none, or none that may be: then it is handled, and refused, as one message. */
export type TakeBatch = (inbound: Inbound, reply: Reply) => boolean;

export function createBatches(parts: BatchParts): TakeBatch {
  const out = new Uint32Array(GUARD_OUT_LENGTH);

  const mayBatch = ({ headers }: Inbound): boolean => {
    const version = headers.mcpProtocolVersion;
    if (version !== '' && version !== BATCH_VERSION) return false;
    // That version has no header for itself. Of a session that is not known its messages are to say so.
    if (headers.mcpSessionId === '') return version === BATCH_VERSION;
    return (parts.sessionVersion(headers.mcpSessionId) ?? BATCH_VERSION) === BATCH_VERSION;
  };

  return (inbound, reply) => {
    if (inbound.httpMethod !== 'POST' || firstByte(inbound.body) !== OPEN_ARRAY || reply.aborted || inbound.headers.headerless || !mayBatch(inbound)) return false; // a frame of a WebSocket is one message
    if (parts.guard.check(inbound.body, parts.limits(), out) !== 'not_object' || ((out[FLAGS] ?? 0) & FLAG.rootArray) === 0) return false;
    // Nobody knows yet who sends it, and ten megabytes of `0,` have five million elements.
    const spans = elementSpans(inbound.body, 0, inbound.body.length, BATCH_MESSAGES_MAX + 1);
    if (spans.length === 0 || spans.length > BATCH_MESSAGES_MAX) return false;
    inbound.retain();
    const batch = new Batch(reply, spans.length, parts.answerBytesMax());
    const { body } = inbound;
    // All of them at once: who hangs up hangs up on those, too, whose turn has not come.
    const messages = spans.map(({ from, to }, n) => ({ message: new BatchedMessage(inbound, body.subarray(from, to)), replyTo: batch.replyTo(n) }));
    void inTurns(handOn(messages, parts), TURN_BYTES); // it rejects nothing
    return true;
  };
}

interface ToHandOn {
  readonly message: BatchedMessage;
  readonly replyTo: Reply;
}

/** A fault is its message's alone. */
function* handOn(messages: readonly ToHandOn[], { handle, onFault }: Pick<BatchParts, 'handle' | 'onFault'>): Pieces<void> {
  for (const { message, replyTo } of messages) {
    try {
      handle(message, replyTo);
    } catch (fault) {
      onFault(fault);
      replyTo.destroy();
    }
    yield message.bodyBytes;
  }
}

/** Blanks before a message are rare: most bodies are told by their first byte. */
function firstByte(body: Uint8Array): number | undefined {
  let at = 0;
  while (body[at] === 0x20 || body[at] === 0x0a || body[at] === 0x0d || body[at] === 0x09) at += 1;
  return body[at];
}

/** One message of a batch, as if it had been posted alone. */
class BatchedMessage implements Inbound {
  readonly batched = true;
  readonly bodyTooLarge = false;
  readonly httpMethod = 'POST';
  readonly path: string;
  readonly evidence: Inbound['evidence'];
  readonly headers: Inbound['headers'];
  readonly receivedUs: number;
  readonly body: Uint8Array;
  readonly bodyBytes: number;

  constructor({ path, evidence, headers, receivedUs }: Inbound, body: Uint8Array) {
    this.path = path;
    this.evidence = evidence;
    this.headers = headers;
    this.receivedUs = receivedUs;
    this.body = body;
    this.bodyBytes = body.length;
  }
  /** The whole batch was. */
  retain(): void {}
}

interface Answer {
  readonly status: number;
  readonly headers: HeaderPairs;
  readonly body: Uint8Array;
}

/** Collects what its messages are answered; when the last one is, one array goes out. */
class Batch {
  readonly #reply: Reply;
  readonly #answers: (Answer | undefined)[];
  readonly #replies = new Set<BatchedReply>();
  #missing: number;
  #roomBytes: number;

  constructor(reply: Reply, count: number, answerBytesMax: number) {
    this.#reply = reply;
    this.#answers = Array.from({ length: count }, () => undefined);
    this.#missing = count;
    this.#roomBytes = answerBytesMax;
    reply.onAbort((cause) => { for (const one of [...this.#replies]) one.abort(cause); });
  }

  replyTo(n: number): Reply {
    const reply = new BatchedReply(this.#reply.aborted, (answer) => {
      this.#replies.delete(reply);
      this.#take(n, answer);
    });
    this.#replies.add(reply);
    return reply;
  }

  #take(n: number, answer: Answer): void {
    this.#roomBytes -= answer.body.length;
    this.#answers[n] = this.#roomBytes < 0 ? { ...answer, body: tooLarge(answer.body) } : answer;
    this.#missing -= 1;
    if (this.#missing === 0) this.#send();
  }

  /** Refusals of one kind (no identity, no such session) are the whole batch's: their status tells the client what to do. */
  #send(): void {
    const answers = this.#answers.filter((answer) => answer !== undefined);
    const [first] = answers;
    const shared = first !== undefined && first.status >= REFUSED_FROM && answers.every(({ status }) => status === first.status) ? first : undefined;
    const bodies = answers.map(({ body }) => body).filter(({ length }) => length > 0);
    if (bodies.length === 0) this.#reply.send(shared?.status ?? ACCEPTED, shared?.headers ?? [], '');
    else this.#reply.send(shared?.status ?? OK, shared?.headers ?? JSON_HEADERS, Buffer.concat([Buffer.from('['), ...bodies.flatMap((body, n) => (n === 0 ? [body] : [COMMA, body])), Buffer.from(']')]));
  }
}

function tooLarge(body: Uint8Array): Buffer {
  const idText = textAt(body, memberAt(body, ['id'])) ?? 'null';
  return Buffer.from(`{"jsonrpc":"2.0","id":${idText},"error":{"code":502,"message":"The answers of this batch are too large together: send its calls one by one.","data":{"code":"mcp_invalid_response","reason_code":"answer_too_large"}}}`);
}

const CUT: Answer = Object.freeze({ status: 500, headers: JSON_HEADERS, body: Buffer.from('{"jsonrpc":"2.0","id":null,"error":{"code":500,"message":"The gateway failed.","data":{"code":"gateway_fault"}}}') });

/** The way back for one message. Nothing streams within a batch. */
class BatchedReply implements Reply {
  aborted: boolean;
  readonly #done: (answer: Answer) => void;
  #settled = false;
  #abortListener: ((cause: AbortCause) => void) | undefined = undefined;

  constructor(aborted: boolean, done: (answer: Answer) => void) {
    this.aborted = aborted;
    this.#done = done;
  }
  onAbort(listener: (cause: AbortCause) => void): void {
    if (this.aborted) listener('client');
    else this.#abortListener = listener;
  }
  send(status: number, headers: HeaderPairs, body: Uint8Array | string): void {
    this.#settle({ status, headers, body: Buffer.from(body) });
  }
  begin(): void {
    this.#settle(CUT);
  }
  write(): boolean {
    return true;
  }
  onDrain(): void {}
  end(): void {}
  destroy(): void {
    this.#settle(CUT);
  }
  abort(cause: AbortCause): void {
    if (this.#settled) return;
    if (cause === 'client') this.aborted = true;
    this.#abortListener?.(cause);
  }
  #settle(answer: Answer): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#done(answer);
  }
}
