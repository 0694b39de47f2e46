// The way back to the client: one cork around status, headers and body; back-pressure for streams; nothing after the end or a hang-up.
import { STATUS_CODES } from 'node:http';
import { OFF_ROLL, type RollMember } from './roll.js';
import { SlowClient } from './slow-client.js';
import type { AbortCause, HeaderPairs, LossCause, Reply } from './types.js';
import type { HttpResponse } from './uws-types.js';

/** How long a stream's first bytes may take before its headers are pushed out by an SSE comment (uWebSockets.js sends them with the first write). */
const HEADERS_FLUSH_MS = 50;
const SSE_COMMENT = ':\n\n';
/** A smaller one that waits is copied: where it lies may be written to again. */
const COPIED_BYTES_MAX = 64 * 1024;
const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i;
const UNSAFE_VALUE = /[\0\r\n]/;
const OK = 200;
const LINE_END = '\r\n';
const NO_CONTENT = 204;
const NOT_MODIFIED = 304;
/** uWebSockets.js writes these itself, or they belong to one hop only. */
const OWN_HEADERS: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'connection', 'keep-alive', 'date', 'upgrade', 'proxy-connection', 'trailer', 'te']);

const STATUS_LINES: ReadonlyMap<number, string> = new Map(Object.entries(STATUS_CODES).map(([code, text]) => [Number(code), `${code} ${text ?? ''}`]));

function statusLine(status: number): string {
  return STATUS_LINES.get(status) ?? `${Number.isInteger(status) && status >= 200 && status <= 599 ? status : 500} Unknown`;
}

/** Without being told, uWebSockets.js writes `200 OK`. */
function writeStatus(response: HttpResponse, status: number): void {
  if (status !== OK) response.writeStatus(statusLine(status));
}

/** Names the gateway or a tool server used before, and whether they may be written. */
const names = new Map<string, boolean>();
const NAMES_MAX = 1024;

function mayWrite(name: string): boolean {
  const known = names.get(name);
  if (known !== undefined) return known;
  const answer = NAME.test(name) && !OWN_HEADERS.has(name.toLowerCase());
  if (names.size < NAMES_MAX) names.set(name, answer);
  return answer;
}

/** A header whose name is no token is dropped; line breaks in a value become blanks, so that no value can add a header. */
function writeHeaders(response: HttpResponse, headers: HeaderPairs): void {
  for (const [name, value] of headers) {
    if (mayWrite(name)) response.writeHeader(name, UNSAFE_VALUE.test(value) ? value.replace(/[\0\r\n]+/g, ' ') : value);
  }
}

/** Whose reply it is. Methods, because V8 allocates a function literal that is assigned to a property in old space. */
export interface ReplyOwner {
  /** Called once: the answer is written, cut, or the client is gone. */
  replyDone(): void;
  /** After that, where the client had not taken all of it yet: now it has, or never will. */
  replySent(): void;
  /** So many bytes lie here because the client does not take them; 0 = nothing does any more. */
  replyWaits(bytes: number): void;
  /** As an abort listener is told, while there is none. */
  replyLost(cause: AbortCause): void;
}

/** A request under way, as whoever ends the listener sees it. */
export interface ActiveReply extends RollMember {
  /** The connection ends with the answer. */
  closeAfter: boolean;
  /** This thread is ending: whoever works on the answer gives it now. */
  lose(cause: LossCause): void;
}

export const NO_OWNER: ReplyOwner = Object.freeze({ replyDone: () => undefined, replySent: () => undefined, replyWaits: () => undefined, replyLost: () => undefined });

export class UwsReply implements Reply, ActiveReply {
  place = OFF_ROLL;
  aborted = false;
  /** The connection ends with the answer: its body was not read, or the listener is closing. */
  closeAfter = false;
  /** More of the request comes, which is dropped: the connection outlives its answer until `hangUp`. */
  lingers = false;
  /**
   * A handler of uWebSockets.js runs, for this request. Told in there of an answer that ends the connection, the library would forget the end, and take what
   * is pipelined behind for the next request; while an answer is pending, it ends such a connection.
   */
  handling = false;
  readonly #response: HttpResponse;
  readonly #owner: ReplyOwner;
  readonly #extraHeaders: HeaderPairs;
  #done = false;
  #gone = false;
  #began = false;
  #wrote = false;
  #isEvents = false;
  #abortListener: ((cause: AbortCause) => void) | undefined = undefined;
  #drainListener: (() => void) | undefined = undefined;
  #watchesDrain = false;
  #flushTimer: NodeJS.Timeout | undefined = undefined;
  /** Made for the first write that its client does not take whole. */
  #slow: SlowClient | undefined = undefined;
  /** Of events. */
  #heldBytes = 0;
  /** The stream has ended, as soon as all of it is taken. */
  #ending = false;
  readonly #takesNothingMsMax: number | undefined;

  /** `extraHeaders` are added to every answer (CORS for listed origins). `takesNothingMsMax`: of a client of events; see SlowClient. */
  constructor(response: HttpResponse, owner: ReplyOwner, extraHeaders: HeaderPairs, takesNothingMsMax?: number) {
    this.#takesNothingMsMax = takesNothingMsMax;
    this.#response = response;
    this.#owner = owner;
    this.#extraHeaders = extraHeaders;
    response.onAborted(() => this.#abort());
  }

  /** Not all of what was written is taken yet. */
  get sending(): boolean {
    return this.#slow?.waits === true;
  }
  get began(): boolean {
    return this.#began;
  }

  onAbort(listener: (cause: AbortCause) => void): void {
    if (this.aborted) listener('client');
    else this.#abortListener = listener;
  }

  send(status: number, headers: HeaderPairs, body: Uint8Array | string, close = false): void {
    if (this.#done || this.#began) return;
    const ends = close || this.closeAfter;
    if (ends && this.handling && !this.lingers) setImmediate(() => { if (!this.#gone) this.#write(status, headers, body, true); });
    else this.#write(status, headers, body, ends);
    this.#finish();
  }

  #write(status: number, headers: HeaderPairs, body: Uint8Array | string, ends: boolean): void {
    const response = this.#response;
    const bodiless = status === NO_CONTENT || status === NOT_MODIFIED;
    response.cork(() => {
      writeStatus(response, status);
      writeHeaders(response, headers);
      writeHeaders(response, this.#extraHeaders);
      if (this.lingers) return this.#writeUnended(body);
      // Any argument, even undefined, makes endWithoutBody announce a length.
      if (bodiless && !ends) response.endWithoutBody();
      else if (bodiless || (ends && body.length <= COPIED_BYTES_MAX)) response.end(bodiless ? undefined : body, ends);
      else this.#sendBody(body, ends);
    });
    if (this.sending) this.#owner.replyWaits(body.length);
  }

  /**
   * Within a cork. To uWebSockets.js this is one more header: told of the answer's end, it would close the connection, or take what comes for the next
   * request. Its line ends with the body, and belongs to that.
   */
  #writeUnended(body: Uint8Array | string): void {
    const text = typeof body === 'string' ? body : Buffer.from(body).toString();
    this.#response.writeHeader('connection', 'close');
    this.#response.writeHeader('content-length', `${Buffer.byteLength(text) + LINE_END.length}${LINE_END}${LINE_END}${text}`);
  }

  /** Nothing more comes of the request. An answer that is still to be given ends the connection itself. */
  hangUp(): void {
    this.lingers = false;
    // What was written in this turn is sent at its end, and a close would drop it.
    if (this.#done) setImmediate(() => { if (!this.#gone) this.#response.close(); });
  }

  /**
   * Within a cork. Told to end, uWebSockets.js would keep what is not taken, and the next answer, and the next, of a client that asks on and never reads; while one
   * is pending, it ends the connection of who asks for another.
   */
  #sendBody(body: Uint8Array | string, ends: boolean): void {
    const response = this.#response;
    if (ends) {
      response.writeHeader('connection', 'close');
      response.pause();
    }
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    if (response.tryEnd(body, length)[1]) return;
    const rest = typeof body === 'string' || length <= COPIED_BYTES_MAX ? Buffer.from(body) : body;
    const go = (): boolean => {
      let done = false;
      response.cork(() => {
        [, done] = response.tryEnd(rest.subarray(response.getWriteOffset()), length);
      });
      return done;
    };
    this.#slow = new SlowClient({ push: go, taken: () => this.#owner.replySent(), cut: () => response.close() });
    this.#slow.hold();
    this.#watchWritable();
  }

  /** A HEAD's answer: the length of what GET would answer, and no body. */
  sendHead(status: number, headers: HeaderPairs, bodyBytes: number): void {
    if (this.#done || this.#began) return;
    const response = this.#response;
    response.cork(() => {
      writeStatus(response, status);
      writeHeaders(response, headers);
      response.endWithoutBody(bodyBytes, this.closeAfter);
    });
    this.#finish();
  }

  begin(status: number, headers: HeaderPairs): void {
    if (this.#done || this.#began) return;
    this.#began = true;
    const response = this.#response;
    response.cork(() => {
      writeStatus(response, status);
      writeHeaders(response, headers);
      writeHeaders(response, this.#extraHeaders);
      if (this.closeAfter) response.writeHeader('connection', 'close');
    });
    this.#isEvents = headers.some(([name, value]) => name.toLowerCase() === 'content-type' && value.startsWith('text/event-stream'));
    if (this.#isEvents) this.#flushTimer = setTimeout(() => this.#flushHeaders(), HEADERS_FLUSH_MS);
  }

  write(chunk: Uint8Array | string): boolean {
    // To uWebSockets.js a write of nothing means nothing; to a caller it must not look like back-pressure.
    if (this.#done || !this.#began || chunk.length === 0) return true;
    this.#wrote = true;
    const taken = this.#put(chunk);
    if (!taken && this.#isEvents) this.#hold(chunk.length);
    return taken;
  }

  #put(chunk: Uint8Array | string): boolean {
    let taken = true;
    this.#response.cork(() => {
      taken = this.#response.write(chunk);
    });
    return taken;
  }

  /** Events are written whole: a comment after one is none of its bytes. */
  #hold(bytes: number): void {
    this.#heldBytes += bytes;
    this.#owner.replyWaits(this.#heldBytes);
    this.#slow ??= new SlowClient({ push: () => this.#put(SSE_COMMENT), taken: () => this.#taken(), cut: () => this.#response.close() }, this.#takesNothingMsMax);
    this.#slow.hold();
    this.#watchWritable();
  }

  #taken(): void {
    this.#heldBytes = 0;
    this.#owner.replyWaits(0);
    if (!this.#ending) return this.#drainListener?.();
    this.#endNow();
    this.#owner.replySent();
  }

  onDrain(listener: () => void): void {
    this.#drainListener = listener;
    if (!this.#done) this.#watchWritable();
  }

  #watchWritable(): void {
    if (this.#watchesDrain) return;
    this.#watchesDrain = true;
    this.#response.onWritable(() => {
      if (this.#slow?.waits === true) this.#slow.writable();
      else this.#drainListener?.();
      return true;
    });
  }

  end(): void {
    if (this.#done || !this.#began) return;
    if (this.#slow?.waits === true) this.#ending = true;
    else this.#endNow();
    this.#finish();
  }

  #endNow(): void {
    const response = this.#response;
    response.cork(() => {
      // Told to close here, uWebSockets.js would write a header into the last chunk. Read no further, the connection ends by its idle time, or by the client that was told.
      if (this.closeAfter) response.pause();
      response.end();
    });
  }

  destroy(): void {
    if (this.#done) return;
    this.#slow?.stop();
    this.#finish();
    this.#response.close();
  }

  /** Others need the room of what its client does not take. */
  cutUnread(): void {
    if (this.sending && !this.#gone) this.#response.close();
  }

  #flushHeaders(): void {
    if (!this.#wrote) this.write(SSE_COMMENT);
  }

  #abort(): void {
    this.#gone = true;
    const { sending } = this;
    this.#slow?.stop();
    if (this.#done) {
      if (sending) this.#owner.replySent();
      return;
    }
    this.aborted = true;
    const listener = this.#abortListener;
    this.#finish();
    if (listener === undefined) this.#owner.replyLost('client');
    else listener('client');
  }

  lose(cause: LossCause): void {
    if (this.#done) return;
    if (this.#abortListener === undefined) this.#owner.replyLost(cause);
    else this.#abortListener(cause);
  }

  #finish(): void {
    this.#done = true;
    this.#abortListener = undefined;
    this.#drainListener = undefined;
    if (this.#flushTimer !== undefined) clearTimeout(this.#flushTimer);
    this.#owner.replyDone();
  }
}
