// A tool server may end an answer's stream before the answer, for its client to ask for the rest by GET and Last-Event-ID (2025-11-25, basic/transports).
// Where the gateway's own client can't, the gateway asks.
import type { Context } from '../chain/context.js';
import type { Deny } from '../chain/verdict.js';
import { isSse, SSE_TYPE } from '../mcp/media-types.js';
import type { UpstreamCall } from '../upstream/types.js';
import { faultRefusal, HTTP_OK } from './answers.js';
import type { Leg, TerminalServices } from './services.js';

const TRIES_MAX = 5; // in a row, without an event of another id between them
const RETRY_MS = 500; // of a server that does not say
const RETRY_MS_MAX = 30_000;
/** What a header can carry. */
const ID_FORM = /^[\x21-\x7e](?:[\x20-\x7e]{0,1022}[\x21-\x7e])?$/;
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
    if (said !== undefined) this.retryMs = Math.min(Number(said), RETRY_MS_MAX);
  }
}

export interface RestReceiver {
  began(call: UpstreamCall): void;
  onData(chunk: Uint8Array): void;
  /** `cause`: why, where the server did not end it. */
  ended(cause: Deny | undefined): void;
}

export class RestOfStream {
  readonly #ctx: Context;
  readonly #services: TerminalServices;
  readonly #receiver: RestReceiver;
  #askedAfter = '';
  #tries = 0;
  #stopWaiting: (() => void) | undefined;

  constructor(ctx: Context, services: TerminalServices, receiver: RestReceiver) {
    this.#ctx = ctx;
    this.#services = services;
    this.#receiver = receiver;
  }

  /** False: there is nothing to ask for, or it was asked for often enough. */
  follow(leg: Leg, { id, retryMs }: StreamPlace): boolean {
    if (!leg.sessionBound || !ID_FORM.test(id)) return false;
    if (id !== this.#askedAfter) this.#tries = 0;
    if (this.#tries >= TRIES_MAX) return false;
    this.#askedAfter = id;
    this.#tries += 1;
    this.#stopWaiting = this.#services.every(Math.max(1, retryMs), () => {
      this.stop();
      this.#ask(leg, id);
    });
    return true;
  }

  stop(): void {
    this.#stopWaiting?.();
    this.#stopWaiting = undefined;
  }

  #ask(leg: Leg, id: string): void {
    const { 'content-type': _type, ...headers } = leg.headers;
    const { answer_timeout_ms: answerTimeoutMs, idle_timeout_ms: idleTimeoutMs } = this.#ctx.snapshot.config.upstream;
    let streams = false;
    this.#receiver.began(this.#services.client.send(
      { url: leg.url, httpMethod: 'GET', headers: { ...headers, accept: SSE_TYPE, 'last-event-id': id }, body: undefined, answerTimeoutMs, idleTimeoutMs },
      {
        onHead: (status, fields) => {
          streams = status === HTTP_OK && isSse(fields['content-type'] ?? '');
          if (!streams) this.#tries = TRIES_MAX; // it keeps nothing
        },
        onData: (chunk) => { if (streams) this.#receiver.onData(chunk); },
        onEnd: () => this.#receiver.ended(undefined),
        onFault: (fault) => this.#receiver.ended(faultRefusal(fault)),
      },
    ));
  }
}
