// HTTP+SSE of 2024-11-05 (basic/transports): one GET whose stream first names the address to post to, and then brings every message of the server.
import { JSON_TYPE, isSse, SSE_TYPE } from '../../mcp/media-types.js';
import type { Channel, ChannelEvents } from '../duplex/channel.js';
import { createSseSplitter } from '../sse.js';
import type { UpstreamCall, UpstreamClient, UpstreamFault } from '../types.js';

const HTTP_OK = 200;
const MULTIPLE_CHOICES = 300;
const WAITING_MAX = 100; // messages before the address is known, and requests behind a notification that is on its way
const ENDPOINT_LENGTH_MAX = 4096;

export interface SseChannelOptions {
  /** The way to this server, which adds its headers. */
  readonly client: UpstreamClient;
  readonly url: string;
  readonly eventBytesMax: number;
  readonly answerTimeoutMs: number;
  readonly silentMs: number;
}

interface Waiting {
  readonly message: Buffer;
  readonly failed: (fault: UpstreamFault) => void;
  readonly told: boolean;
}

export class SseChannel implements Channel {
  readonly #options: SseChannelOptions;
  readonly #events: ChannelEvents;
  readonly #stream: UpstreamCall;
  readonly #posts = new Set<UpstreamCall>();
  /** Where messages go; undefined until the server has said it. */
  #endpoint: string | undefined;
  #waiting: Waiting[] = [];
  /** Notifications and answers that the server has not accepted yet. Each message has a connection of its own: a request could overtake `initialized`. */
  readonly #telling = new Set<UpstreamCall>();
  #closed = false;

  constructor(options: SseChannelOptions, events: ChannelEvents) {
    this.#options = options;
    this.#events = events;
    let splitter: ReturnType<typeof createSseSplitter> | undefined;
    this.#stream = options.client.send({ url: options.url, httpMethod: 'GET', headers: { accept: SSE_TYPE }, body: undefined, answerTimeoutMs: options.answerTimeoutMs, idleTimeoutMs: options.silentMs }, {
      onHead: (status, headers) => {
        if (status !== HTTP_OK || !isSse(headers['content-type'] ?? '')) return this.#break({ kind: 'protocol', maybeSent: false, message: `it answered HTTP status ${status} where its event stream should begin` });
        splitter = createSseSplitter(options.eventBytesMax, (event) => {
          if (event.data !== undefined) this.#take(event.type, event.data);
        });
      },
      onData: (chunk) => {
        if (splitter?.push(chunk) === false) this.#break({ kind: 'protocol', maybeSent: true, message: `it sent an event of more than ${options.eventBytesMax} bytes` });
      },
      onEnd: () => this.#break({ kind: 'transport', maybeSent: true, message: 'its event stream ended' }),
      onFault: (fault) => this.#break(fault),
    });
  }

  send(message: Uint8Array, failed: (fault: UpstreamFault) => void, told = false): void {
    const kept = { message: Buffer.from(message), failed, told };
    // What is told waits for nothing: a server may want an answer before it accepts something else.
    if (this.#endpoint !== undefined && (told || this.#telling.size === 0)) this.#post(this.#endpoint, kept);
    else if (this.#waiting.length < WAITING_MAX) this.#waiting.push(kept);
    else process.nextTick(failed, { kind: 'transport', maybeSent: false, crowdedOut: true, message: 'too many messages wait for the server' } satisfies UpstreamFault);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#waiting = [];
    this.#stream.abort();
    for (const post of this.#posts) post.abort();
    this.#posts.clear();
    this.#telling.clear();
  }

  #take(type: string, data: Uint8Array): void {
    if (this.#closed) return;
    if (type === 'endpoint') this.#learnEndpoint(Buffer.from(data).toString('utf8'));
    else if (type === '' || type === 'message') this.#events.onMessage(Buffer.from(data));
  }

  /** Messages may hold what was meant for this server alone: another origin gets none, whatever it says. */
  #learnEndpoint(text: string): void {
    if (this.#endpoint !== undefined) return;
    const { url } = this.#options;
    const endpoint = text.length <= ENDPOINT_LENGTH_MAX && URL.canParse(text, url) ? new URL(text, url) : undefined;
    if (endpoint?.origin !== new URL(url).origin || endpoint.username !== '' || endpoint.password !== '') {
      this.#break({ kind: 'protocol', maybeSent: false, message: 'it named an address of another origin to send messages to' });
      return;
    }
    endpoint.hash = '';
    this.#endpoint = endpoint.href;
    this.#sendWaiting();
  }

  #sendWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { message, failed, told } of waiting) this.send(message, failed, told);
  }

  #post(url: string, { message, failed, told }: Waiting): void {
    const { client, answerTimeoutMs } = this.#options;
    const settled = (): void => {
      if (this.#telling.delete(post) && this.#telling.size === 0) this.#sendWaiting();
    };
    const done = (): void => {
      this.#posts.delete(post);
      settled();
    };
    const post: UpstreamCall = client.send({ url, ownUrl: true, httpMethod: 'POST', headers: { 'content-type': JSON_TYPE, accept: JSON_TYPE }, body: message, bodyStays: true, answerTimeoutMs, idleTimeoutMs: answerTimeoutMs }, {
      onHead: (status) => {
        if (status >= HTTP_OK && status < MULTIPLE_CHOICES) return settled();
        done();
        post.abort();
        failed({ kind: 'protocol', maybeSent: true, message: `it refused a message with HTTP status ${status}` });
      },
      onData: () => undefined, // "Accepted", as most say; the answer comes on the stream
      onEnd: done,
      onFault: (fault) => {
        done();
        failed(fault);
      },
    });
    this.#posts.add(post);
    if (told) this.#telling.add(post);
  }

  #break(fault: UpstreamFault): void {
    if (this.#closed) return;
    this.close();
    this.#events.onClosed(fault);
  }
}
