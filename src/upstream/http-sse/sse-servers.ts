// All tool servers that speak HTTP+SSE of 2024-11-05, each as if it were a Streamable HTTP endpoint: one connection for each session.
import { Peer } from '../duplex/peer.js';
import { SessionServer } from '../duplex/session-server.js';
import type { WireReader } from '../duplex/wire-message.js';
import { withHeaders, type AddedHeaders } from '../server-headers.js';
import type { UpstreamCall, UpstreamClient, UpstreamRequest, UpstreamSink } from '../types.js';
import { SseChannel } from './sse-channel.js';

const CHANNELS_MAX = 10_000; // sessions with one server, on each thread; each holds a connection
const SWEEP_MS = 10_000;

export interface SseOptions {
  /** The way to http: and https: addresses. */
  readonly client: UpstreamClient;
  /** What is added to every request to the address, as it stands now; a text: why nothing may be sent there. */
  readonly headersOf: (url: string) => AddedHeaders | string | undefined;
  readonly reader: WireReader;
  readonly answerBytesMax: number;
  readonly answerTimeoutMs: number;
  /** How long a session may be unused. */
  readonly sessionIdleMs: number;
  readonly nowMs: () => number;
  readonly every: (ms: number, tick: () => void) => () => void;
}

export class SseServers implements UpstreamClient {
  readonly #options: SseOptions;
  readonly #servers = new Map<string, SessionServer>();
  readonly #stopSweeping: () => void;

  constructor(options: SseOptions) {
    this.#options = options;
    this.#stopSweeping = options.every(SWEEP_MS, () => {
      for (const server of this.#servers.values()) server.dropIdle(options.sessionIdleMs);
    });
  }

  /** URLs come from the registry: there are as many as it names. */
  send(request: UpstreamRequest, sink: UpstreamSink): UpstreamCall {
    const known = this.#servers.get(request.url) ?? this.#create(request.url);
    this.#servers.set(request.url, known);
    return known.send(request, sink, false);
  }

  /** The connections end; the way to them is not this one's to close. */
  close(): Promise<void> {
    this.#stopSweeping();
    for (const server of this.#servers.values()) server.close();
    return Promise.resolve();
  }

  #create(url: string): SessionServer {
    const { client, headersOf, reader, answerBytesMax, answerTimeoutMs, sessionIdleMs, nowMs } = this.#options;
    const keyed = withHeaders(client, () => headersOf(url));
    const server: SessionServer = new SessionServer(reader, (ended) => {
      if (server.size >= CHANNELS_MAX) return 'full';
      return new Peer((events) => new SseChannel({ client: keyed, url, eventBytesMax: answerBytesMax, answerTimeoutMs, silentMs: sessionIdleMs }, events), {
        reader, shared: false, heldBytesMax: answerBytesMax, toolsChanged: () => undefined, unreadable: () => undefined, stray: () => undefined, closed: ended,
      });
    }, nowMs);
    return server;
  }
}
