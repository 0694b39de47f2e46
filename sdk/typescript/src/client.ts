// The gateway's client: its identity, its connections, and the operations over either era.
import { modernChannel } from './channels.js';
import { ConfigurationError, SessionExpiredError } from './errors.js';
import { FetchTransport } from './fetch-transport.js';
import type { Credentials, Identity } from './identity/credentials.js';
import { discoverIdentity } from './identity/discover.js';
import type { JsonObject } from './json.js';
import { NodeTransport } from './node-transport.js';
import { Operations, type Core } from './operations.js';
import { LEGACY_VERSION, readOptions, type ClientOptions, type Era, type RequestOptions, type SessionOptions } from './options.js';
import { GatewaySession } from './session.js';
import { orAborted, realSurroundings } from './surroundings.js';
import { Tracer } from './trace.js';
import type { Transport } from './transport.js';
import { Wire, type Channel } from './wire.js';

const NEVER = new AbortController().signal;

export class GatewayClient extends Operations {
  readonly #core: Core;
  readonly #modern: Channel;
  readonly #credentials: Credentials;
  readonly #transport: Transport;
  readonly #sessions = new Set<GatewaySession>();
  readonly #closing = new AbortController();
  /** Of a client of 2025-11-25: opened with the first call. */
  #own: Promise<GatewaySession> | undefined;
  #ownChannel: Channel | undefined;

  /** Throws ConfigurationError for what cannot work, or would send an identity in the clear. Nothing is sent yet. */
  constructor(options: ClientOptions = {}) {
    super();
    const surroundings = options.surroundings ?? realSurroundings();
    const settings = readOptions(options, surroundings);
    const own = options.fetch === undefined ? undefined : ownFetch(options.fetch, options);
    const credentials = discoverIdentity({ url: settings.url, takesCertificate: settings.url.protocol === 'https:' && options.fetch === undefined }, options, surroundings);
    this.#credentials = credentials;
    this.#transport = own ?? new NodeTransport({ gatewaySpiffeId: options.gatewaySpiffeId, tls: (signal) => credentials.tls(signal) });
    const wire = new Wire({ url: settings.url, transport: this.#transport, credentials, surroundings, tracer: new Tracer(surroundings, options.traceparent), answerBytesMax: settings.answerBytesMax });
    this.#modern = modernChannel(settings);
    this.#core = { settings, surroundings, wire, marks: new Map() };
  }

  get gatewayUrl(): string {
    return this.#core.settings.url.href;
  }

  get era(): Era {
    return this.#core.settings.era;
  }

  /** Who calls, and where that was found. What is fetched is known after `connect`, or the first call. */
  get identity(): Identity {
    return this.#credentials.identity;
  }

  /** Fetches the identity now rather than with the first call. */
  async connect(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<Identity> {
    const signal = options.signal ?? NEVER;
    await this.#credentials.tls(signal);
    await this.#credentials.headers(signal);
    return this.identity;
  }

  /** The result of server/discover (2026-07-28). */
  async discover(options: RequestOptions = {}): Promise<JsonObject> {
    if (this.era === LEGACY_VERSION) throw new ConfigurationError(`server/discover is of 2026-07-28; this client speaks ${LEGACY_VERSION}: see session().server.`);
    return this.request('server/discover', {}, options);
  }

  /** Whether the gateway answers: ping, or in 2026-07-28, which has none, server/discover. */
  async ping(options: RequestOptions = {}): Promise<void> {
    await this.request(this.era === LEGACY_VERSION ? 'ping' : 'server/discover', {}, options);
  }

  /** Opens an MCP session of 2025-11-25. Close it, or say `await using`. */
  async session(options: SessionOptions = {}): Promise<GatewaySession> {
    if (this.#closing.signal.aborted) throw closed();
    const session = await GatewaySession.open(this.#core, options, (ended) => this.#sessions.delete(ended));
    if (this.#closing.signal.aborted) { // closed meanwhile: nobody else would end it
      await session.close();
      throw closed();
    }
    this.#sessions.add(session);
    return session;
  }

  /** Ends its sessions and connections. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(closed());
    const own = await this.#own?.catch(() => undefined);
    await Promise.all([...this.#sessions, ...(own === undefined ? [] : [own])].map((session) => session.close()));
    this.#credentials.close();
    this.#transport.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  protected override get core(): Core {
    return this.#core;
  }

  protected override async channel(signal: AbortSignal): Promise<Channel> {
    if (this.#closing.signal.aborted) throw closed();
    if (this.era !== LEGACY_VERSION) return this.#modern;
    this.#ownChannel = (await this.#ownSession(signal)).carry();
    return this.#ownChannel;
  }

  /** The gateway has lost the session, and nothing ran: once more, in a new one. */
  protected override renew(error: unknown, failed: Channel): boolean {
    if (!(error instanceof SessionExpiredError) || !failed.isSession) return false;
    if (failed === this.#ownChannel) this.#own = this.#ownChannel = undefined; // else another call is at it already
    return true;
  }

  #ownSession(signal: AbortSignal): Promise<GatewaySession> {
    const own = (this.#own ??= GatewaySession.open(this.#core, { signal: this.#closing.signal }));
    own.catch(() => { if (this.#own === own) this.#own = undefined; });
    return orAborted(own, signal); // several calls may wait for it
  }
}

function ownFetch(own: typeof fetch, { certFile, caFile, gatewaySpiffeId }: ClientOptions): FetchTransport {
  if ([certFile, caFile, gatewaySpiffeId].some((option) => option !== undefined)) throw new ConfigurationError('A fetch of your own brings its own TLS: give it the certificates, not the client.');
  return new FetchTransport(own);
}

function closed(): ConfigurationError {
  return new ConfigurationError('The client is closed.');
}
