// One request on a shared stream, answered as an HTTP server answers a POST: JSON where only the answer comes, else a stream of events that ends with it.
import { JSON_TYPE, SSE_TYPE } from '../../mcp/media-types.js';
import type { UpstreamCall, UpstreamFault, UpstreamSink } from '../types.js';

const CR = 0x0d;
const SPACE = 0x20;
const HTTP_OK = 200;
const EVENT_FROM = Buffer.from('data: ');
const EVENT_TO = Buffer.from('\n\n');

export type CallEnd = 'answered' | 'refused' | 'fault' | 'aborted';

export interface CallPlace {
  /** As the caller wrote it; undefined for a stream that asks nothing. */
  readonly idText: string | undefined;
  /** As the caller wrote it. */
  readonly progressTokenText: string | undefined;
  readonly session: string | undefined;
  /** Beside the content type. */
  readonly headers: Readonly<Record<string, string>>;
  /** What waits here for a caller that reads slowly: others use the same stream, and must not wait for it. */
  readonly heldBytesMax: number;
}

interface Held {
  readonly bytes: Buffer;
  readonly isLast: boolean;
}

export class DuplexCall implements UpstreamCall {
  readonly place: CallPlace;
  /** 0: it has none. */
  readonly wireId: number;
  /** Somebody told the server that no answer is wanted. */
  cancelled = false;
  readonly #sink: UpstreamSink;
  readonly #ended: (call: DuplexCall, how: CallEnd) => void;
  #headed = false;
  #streams = false;
  #paused = false;
  #done = false;
  /** How it ended was told: once is enough, also for who gives it up in the middle of its answer. */
  #told = false;
  #held: Held[] = [];
  #heldBytes = 0;

  constructor(wireId: number, place: CallPlace, sink: UpstreamSink, ended: (call: DuplexCall, how: CallEnd) => void) {
    this.wireId = wireId;
    this.place = place;
    this.#sink = sink;
    this.#ended = ended;
  }

  /** Begins a stream of events before there is one. */
  open(): void {
    if (!this.#done) this.#head(true);
  }

  /** Something before the answer. */
  event(bytes: Buffer): void {
    this.#take({ bytes, isLast: false });
  }

  answer(bytes: Buffer, how: 'answered' | 'refused' = 'answered'): void {
    if (this.#done) return;
    this.#tell(how);
    this.#take({ bytes, isLast: true });
  }

  /** The stream ends without an answer, as one that asked nothing does. */
  end(): void {
    if (this.#done) return;
    this.#done = true;
    this.#sink.onEnd();
  }

  fault(fault: UpstreamFault): void {
    if (this.#done) return;
    this.#done = true;
    this.#held = [];
    this.#tell('fault');
    this.#sink.onFault(fault);
  }

  abort(): void {
    if (this.#done) return;
    this.#done = true;
    this.#held = [];
    this.#tell('aborted');
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    while (!this.#paused && !this.#done) {
      const next = this.#held.shift();
      if (next === undefined) return;
      this.#heldBytes -= next.bytes.length;
      this.#deliver(next);
    }
  }

  #tell(how: CallEnd): void {
    if (this.#told) return;
    this.#told = true;
    this.#ended(this, how);
  }

  #take(message: Held): void {
    if (this.#done) return;
    if (!this.#paused) return this.#deliver(message);
    this.#heldBytes += message.bytes.length;
    this.#held.push(message);
    if (this.#heldBytes > this.place.heldBytesMax) this.fault({ kind: 'protocol', maybeSent: true, message: 'its caller reads too slowly' });
  }

  #deliver({ bytes, isLast }: Held): void {
    if (!this.#headed) this.#head(!isLast);
    if (this.#streams) this.#event(bytes);
    else if (!this.#done) this.#sink.onData(bytes);
    if (isLast) this.end();
  }

  #head(streams: boolean): void {
    this.#headed = true;
    this.#streams = streams;
    this.#sink.onHead(HTTP_OK, { 'content-type': streams ? SSE_TYPE : JSON_TYPE, ...this.place.headers });
  }

  /** A message has no line feed, and a carriage return in it is white space: as the end of a line it would end the event's data. */
  #event(bytes: Buffer): void {
    for (let at = bytes.indexOf(CR); at !== -1; at = bytes.indexOf(CR, at)) bytes[at] = SPACE;
    if (!this.#done) this.#sink.onData(Buffer.concat([EVENT_FROM, bytes, EVENT_TO]));
  }
}
