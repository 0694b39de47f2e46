// A tool server may end an answer's stream before the answer, for its client to ask for the rest by GET and Last-Event-ID (2025-11-25, basic/transports).
// Where the gateway's own client can't, the gateway asks.
import type { Deny } from '../chain/verdict.js';
import { SENDABLE_EVENT_ID } from '../mcp/event-ids.js';
import { isSse, SSE_TYPE } from '../mcp/media-types.js';
import type { UpstreamCall } from '../upstream/types.js';
import { faultRefusal, HTTP_OK } from './answers.js';
import type { Leg, TerminalServices } from './services.js';

const TRIES_MAX = 5; // in a row, without an event of another id between them
const ASKS_MAX = 1000; // of one call: with new ids a server could have it asked for ever
const RETRY_MS = 500; // of a server that does not say
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 30_000;
const RETRY_LINE = /(?:^|[\r\n])retry: ?(\d{1,9})(?=[\r\n])/;
const RETRY_EVENT_BYTES_MAX = 4096; // an event that says it has little else

/** What a stream has said of how to come back to it. */
export class StreamPlace {
  id = '';
  retryMs = RETRY_MS;

  note(event: { readonly id: string | undefined; readonly raw: Uint8Array }): void {
    if (event.id !== undefined) this.id = event.id;
    if (this.id === '' || event.raw.length > RETRY_EVENT_BYTES_MAX) return; // to a stream without ids nobody comes back
    const said = RETRY_LINE.exec(Buffer.from(event.raw.buffer, event.raw.byteOffset, event.raw.byteLength).toString('latin1'))?.[1];
    if (said !== undefined) this.retryMs = Math.min(Math.max(Number(said), RETRY_MS_MIN), RETRY_MS_MAX);
  }
}

export interface RestReceiver {
  /** What is thrown in the step ends the call, and not the thread. */
  guard(step: () => void): void;
  began(call: UpstreamCall): void;
  onData(chunk: Uint8Array): void;
  /** `cause`: why, where the server did not end it. */
  ended(cause: Deny | undefined): void;
}

export class RestOfStream {
  readonly #services: TerminalServices;
  readonly #answerTimeoutMs: number;
  readonly #idleTimeoutMs: number;
  readonly #receiver: RestReceiver;
  #askedAfter = '';
  #tries = 0;
  #asks = 0;
  #stopWaiting: (() => void) | undefined;

  constructor(services: TerminalServices, answerTimeoutMs: number, idleTimeoutMs: number, receiver: RestReceiver) {
    this.#services = services;
    this.#answerTimeoutMs = answerTimeoutMs;
    this.#idleTimeoutMs = idleTimeoutMs;
    this.#receiver = receiver;
  }

  /** False: there is nothing to ask for, or it was asked for often enough. */
  follow(leg: Leg, { id, retryMs }: StreamPlace): boolean {
    if (!leg.sessionBound || !SENDABLE_EVENT_ID.test(id)) return false;
    if (id !== this.#askedAfter) this.#tries = 0;
    if (this.#tries >= TRIES_MAX || this.#asks >= ASKS_MAX) return false;
    this.#askedAfter = id;
    this.#tries += 1;
    this.#asks += 1;
    this.#stopWaiting = this.#services.every(retryMs, () => {
      this.stop();
      this.#receiver.guard(() => this.#ask(leg, id));
    });
    return true;
  }

  stop(): void {
    this.#stopWaiting?.();
    this.#stopWaiting = undefined;
  }

  #ask(leg: Leg, id: string): void {
    const { 'content-type': _type, ...headers } = leg.headers;
    let streams = false;
    this.#receiver.began(this.#services.client.send(
      { url: leg.url, httpMethod: 'GET', headers: { ...headers, accept: SSE_TYPE, 'last-event-id': id }, body: undefined, answerTimeoutMs: this.#answerTimeoutMs, idleTimeoutMs: this.#idleTimeoutMs },
      {
        onHead: (status, fields) => {
          streams = status === HTTP_OK && isSse(fields['content-type'] ?? '');
          if (!streams) this.#tries = TRIES_MAX; // it keeps nothing
        },
        onData: (chunk) => { if (streams) this.#receiver.onData(chunk); },
        onEnd: () => this.#receiver.ended(undefined),
        // A connection that breaks is what the tries are for. Whatever it was, the call itself was sent.
        onFault: (fault) => this.#receiver.ended(fault.kind === 'transport' ? undefined : faultRefusal({ ...fault, maybeSent: true })),
      },
    ));
  }
}
