// Opens, replaces and closes the listeners of one gateway thread.
import { setTimeout as sleep } from 'node:timers/promises';
import type { GatewayConfig } from '../base/config/schema.js';
import { hashFile } from '../base/crypto/hash-file.js';
import { createAdmission, Load } from './admission.js';
import { watchExpiry } from './channel-expiry.js';
import { CLOSE } from './channel-wire.js';
import { BodilessAnswers } from './bodiless-answers.js';
import { BodyMemory } from './body-memory.js';
import { ConnectionGate } from './connection-gate.js';
import { mountHttpSse } from './http-sse.js';
import { LoopLateness } from './lateness.js';
import { createPeers, type Peers } from './peer-load.js';
import type { ListenerEvidence } from './peer-evidence.js';
import { FrontListenError, formatListenAddress, probePort } from './port-probe.js';
import { BodyDeadlines } from './read-body.js';
import { Roll } from './roll.js';
import { mountRoutes, type ChannelLimits, type RouteContext } from './routes.js';
import type { SseStreams } from './sse-streams.js';
import { checkTlsFiles, FrontTlsError, tlsFilesOf, type TlsFacts, type TlsFiles } from './tls-files.js';
import type { Handle, LossCause, Probes, Refuse } from './types.js';
import { Unread } from './unread.js';
import type { Uws, UwsApp, UwsListenSocket } from './uws-types.js';
import { mountWebSocket } from './websocket.js';

const MS_PER_S = 1000;
const US_PER_MS = 1000;
/** Calls in flight on connections that an authority may have proven which the trust bundle has no longer may finish within this time. */
const RETIRE_GRACE_MS = 10_000;
/** Where no authority was taken away: SVIDs rotate every half hour, bundles gain the next authority long before they lose one, and a call that nothing is wrong with outlasts that. */
const RENEW_GRACE_MS = 600_000;
/** So long a connection that was kept is still there for its client's next request: to close it under one would leave the client in doubt whether it has run. */
const KEPT_MS = 10_000;
const LAST_ANSWERS_MS = 2000; // for the records of what was ended, and the answers that wait for them
/** The last answer may still lie in the socket's buffer; uWebSockets.js does not say when it is gone. */
const FLUSH_MS = 50;
const SHARED_PORT = 0;
const PLAIN: ListenerEvidence = { tls: false, handshakeBundle: '' };

export interface FrontOptions {
  readonly config: Pick<GatewayConfig, 'front' | 'tls' | 'websocket' | 'http_sse'>;
  readonly uws: Uws;
  readonly handle: Handle;
  readonly refuse: Refuse;
  readonly probes: Probes;
  /** The open streams of HTTP+SSE clients: of all listeners of this thread. */
  readonly streams: SseStreams;
  /** This thread is the only one on its ports: refuses to share them. False for the second and later threads, or after main probed. */
  readonly exclusive: boolean;
  /** The id of a request that is refused unread; undefined for what asks for no answer. */
  readonly requestIdOf: (body: Uint8Array) => string | undefined;
  /** Microseconds since the epoch. */
  readonly nowUs: () => number;
  /** What `handle` or `refuse` threw; the client has been answered 500 already. */
  readonly onFault: (error: unknown) => void;
}

export interface FrontListener {
  readonly kind: 'http' | 'mtls';
  /** host:port as bound, e.g. 127.0.0.1:9090 */
  readonly address: string;
  readonly port: number;
}

/** What the front holds now, and what it turned away without an answer. */
export interface FrontReport {
  readonly connections: number;
  /** Closed at once, since the start: more than front.connections_max were open. */
  readonly connectionsRefused: number;
  /** Among the connections. */
  readonly webSockets: number;
  /** Open streams of HTTP+SSE clients, among the connections. */
  readonly sseStreams: number;
  readonly requests: number;
  readonly bodyBytes: number;
  /** What clients have not taken yet, and how many connections were cut since the start to make room. */
  readonly unreadBytes: number;
  readonly unreadCut: number;
  readonly loopLateUs: number;
  readonly shedding: boolean;
  /** Of the mTLS listener: when the first of its certificate and chain ends, since the epoch; undefined = there is none. */
  readonly certificateEndsMs: number | undefined;
}

export interface Front {
  readonly listeners: readonly FrontListener[];
  report(): FrontReport;
  /** Stops accepting; connections under way end with their next answer. */
  close(): void;
  /** This thread is ending: stops accepting, and has every request under way answered at once. */
  lose(cause: LossCause): void;
  /** After `lose`: a request that still comes is not read, its connection ends. */
  hearNoMore(): void;
  /** Waits at most graceMs for calls in flight. */
  idle(graceMs: number): Promise<void>;
  /** close, then waits at most graceMs for calls in flight, then cuts what is left. Must have resolved before the thread ends. */
  drain(graceMs: number): Promise<void>;
  /** Takes up new certificates: opens a new app on the same port, then retires the old one, whose streams without an end are the gateway's to end. Throws FrontTlsError and changes nothing if they are bad. */
  replaceTls(files: TlsFiles): void;
}

interface Running {
  readonly app: UwsApp;
  readonly context: RouteContext;
  readonly gate: ConnectionGate;
  readonly stopExpiry: () => void;
  readonly tls: TlsFacts | undefined;
  socket: UwsListenSocket | undefined;
  closed: boolean;
}

class UwsFront implements Front {
  readonly listeners: FrontListener[] = [];
  readonly #options: FrontOptions;
  readonly #load: Load;
  readonly #peers: Peers;
  readonly #lateness: LoopLateness;
  readonly #deadlines: BodyDeadlines;
  readonly #bodyMemory = new BodyMemory();
  readonly #unread: Unread;
  readonly #bodiless: BodilessAnswers;
  readonly #running = new Set<Running>();
  #mtls: Running | undefined;
  #mtlsPort = 0;
  #closing = false;
  #refusedBefore = 0;

  constructor(options: FrontOptions) {
    this.#options = options;
    const { front } = options.config;
    this.#load = new Load(front.inflight_body_bytes_max);
    this.#unread = new Unread(front.unread_bytes_max);
    this.#bodiless = new BodilessAnswers(options.nowUs);
    this.#peers = createPeers(this.#load, { requestsPerIpMax: front.requests_per_ip_max, bodyBytesPerIpMax: Math.max(front.body_bytes_per_ip_max, front.body_bytes_max) });
    this.#lateness = new LoopLateness(front.shed_after_ms, options.nowUs);
    this.#lateness.start();
    this.#deadlines = new BodyDeadlines(() => options.nowUs() / US_PER_MS);
    options.uws._cfg('silent');
  }

  async openPlain(): Promise<void> {
    const { front } = this.#options.config;
    const { exclusive, uws } = this.#options;
    // With port 0 uWebSockets.js shares nothing, so that a second thread could not join: a shared free port must be chosen first.
    const port = front.port === 0 && !exclusive ? await probePort(front.host, 0) : front.port;
    const running = this.#start(uws.App(), PLAIN, front.host, port);
    const bound = this.#bind(running, front.host, port, exclusive ? uws.LIBUS_LISTEN_EXCLUSIVE_PORT : SHARED_PORT);
    await this.#confirm(running, 'http', front.host, port, bound);
  }

  async openMtls(): Promise<void> {
    const { tls } = this.#options.config;
    // Shared even when exclusive, because replaceTls needs two apps on the port for a moment: so the probe must find a stranger.
    const port = this.#options.exclusive || tls.port === 0 ? await probePort(tls.host, tls.port) : tls.port;
    const running = this.#startSecure(tlsFilesOf(tls), port);
    const bound = this.#bind(running, tls.host, port, SHARED_PORT);
    await this.#confirm(running, 'mtls', tls.host, port, bound);
    this.#mtls = running;
    this.#mtlsPort = port;
  }

  report(): FrontReport {
    const gates = [...this.#running].map((running) => running.gate);
    const total = (of: (gate: ConnectionGate) => number): number => gates.reduce((sum, gate) => sum + of(gate), 0);
    return {
      webSockets: [...this.#running].reduce((sum, { context }) => sum + context.channels.size, 0) - this.#options.streams.size, sseStreams: this.#options.streams.size,
      connections: total((gate) => gate.open), connectionsRefused: this.#refusedBefore + total((gate) => gate.refused),
      requests: this.#load.requests, bodyBytes: this.#load.bytes, unreadBytes: this.#unread.bytes, unreadCut: this.#unread.cut, loopLateUs: this.#lateness.lateUs, shedding: this.#lateness.shedding,
      certificateEndsMs: this.#mtls?.tls?.certificateEndsMs,
    };
  }

  close(): void {
    this.#closing = true;
    for (const running of this.#running) {
      if (running.context.state === 'open') running.context.state = 'closing';
      for (const reply of running.context.active.all()) reply.closeAfter = true;
      for (const channel of running.context.channels.all()) channel.drain(CLOSE.goingAway, 'shutdown', true);
      this.#stopListening(running);
    }
  }

  lose(cause: LossCause): void {
    this.close();
    for (const running of this.#running) for (const reply of running.context.active.all()) reply.lose(cause);
  }

  hearNoMore(): void {
    for (const { context } of this.#running) context.state = 'retired';
  }

  async idle(graceMs: number): Promise<void> {
    await Promise.all([...this.#running].map((running) => this.#idle(running, graceMs)));
  }

  async drain(graceMs: number): Promise<void> {
    this.close();
    const all = [...this.#running];
    await Promise.all(all.map((running) => this.#idle(running, graceMs)));
    for (const running of all) this.#shut(running);
    this.#deadlines.stop();
    this.#lateness.stop();
  }

  replaceTls(files: TlsFiles): void {
    const old = this.#mtls;
    if (old === undefined || this.#closing) return;
    const { host } = this.#options.config.tls;
    const fresh = this.#startSecure(files, this.#mtlsPort);
    if (this.#bind(fresh, host, this.#mtlsPort, SHARED_PORT) === undefined) {
      this.#shut(fresh);
      throw new FrontListenError('UNKNOWN', formatListenAddress(host, this.#mtlsPort));
    }
    this.#mtls = fresh;
    this.#stopListening(old);
    for (const reply of old.context.active.all()) reply.closeAfter = true;
    for (const channel of old.context.channels.all()) channel.drain(CLOSE.goingAway, 'certificates_replaced', true);
    const losesNone = fresh.context.handshakeBundle !== '' && losesNoAuthority(old.tls, fresh.tls);
    for (const running of this.#running) if (running.context.tls && running !== fresh) this.#pass(running, fresh, losesNone);
    if (losesNone) void sleep(KEPT_MS, undefined, { ref: false }).then(() => this.#retire(old, RENEW_GRACE_MS));
  }

  /** What becomes of a former listener's connections: what was proven against some of the authorities is proven against all of them. */
  #pass(former: Running, fresh: Running, losesNone: boolean): void {
    if (losesNone && former.context.state !== 'retired') {
      former.context.state = 'renewed';
      former.context.handshakeBundle = fresh.context.handshakeBundle;
    } else if (!losesNone) {
      former.context.state = 'retired';
      void this.#retire(former, RETIRE_GRACE_MS);
    }
  }

  async #retire(running: Running, graceMs: number): Promise<void> {
    await this.#idle(running, graceMs);
    if (running.closed) return;
    for (const reply of running.context.active.all()) reply.lose('certificates_replaced');
    await this.#idle(running, LAST_ANSWERS_MS);
    this.#shut(running);
  }

  #startSecure(files: TlsFiles, port: number): Running {
    checkTlsFiles(files);
    const before = hashFile(files.trustBundleFile);
    const app = this.#secureApp(files);
    // The library reads the file for itself: one that changed meanwhile proves nothing, and these facts are none of its.
    const facts = checkTlsFiles(files);
    const handshakeBundle = hashFile(files.trustBundleFile) === before ? before : '';
    return this.#start(app, { tls: true, handshakeBundle }, this.#options.config.tls.host, port, facts);
  }

  #secureApp(files: TlsFiles): UwsApp {
    try {
      return this.#options.uws.SSLApp({ cert_file_name: files.certificateFile, key_file_name: files.privateKeyFile, ca_file_name: files.trustBundleFile });
    } catch {
      throw new FrontTlsError(files.certificateFile, 'the TLS library refused the certificate, key or trust bundle');
    }
  }

  #start(app: UwsApp, listener: ListenerEvidence, host: string, port: number, tls?: TlsFacts): Running {
    const { config, handle, refuse, probes, streams, requestIdOf, nowUs, onFault } = this.#options;
    const { front, websocket } = config;
    const limits: ChannelLimits = { perIpMax: websocket.sockets_per_ip_max, requestsMax: websocket.requests_max, bufferedBytesMax: websocket.buffered_bytes_max, idleTimeoutS: websocket.idle_timeout_s };
    const gate = new ConnectionGate(front.connections_max);
    const context: RouteContext = {
      ...listener, gate, handle, refuse, probes, requestIdOf, nowUs, onFault, servesWebSocket: websocket.enabled, servesHttpSse: config.http_sse.enabled,
      admission: createAdmission({ listenerHost: host, listenerPort: port, tls: listener.tls, allowedHosts: front.allowed_hosts, allowedOrigins: front.allowed_origins }),
      load: this.#load, peers: this.#peers, lateness: this.#lateness,
      limits: { bodyBytesMax: front.body_bytes_max, bodyTimeoutMs: front.body_timeout_s * MS_PER_S, bytesPerSecondMin: front.body_bytes_per_s_min },
      deadlines: this.#deadlines, bodyMemory: this.#bodyMemory, unread: this.#unread, bodiless: this.#bodiless,
      active: new Roll(),
      channels: new Roll(),
      state: 'open',
      onIdle: () => undefined,
    };
    mountRoutes(app.filter((response, change) => gate.pass(response, change)), context);
    if (config.http_sse.enabled) mountHttpSse(app, context, { streams, limits });
    if (websocket.enabled) mountWebSocket(app, context, limits);
    const running: Running = { app, context, gate, stopExpiry: watchExpiry(context.channels, nowUs), tls, socket: undefined, closed: false };
    this.#running.add(running);
    return running;
  }

  #bind(running: Running, host: string, port: number, options: number): number | undefined {
    running.app.listen(host, port, options, (socket) => {
      if (socket !== false) running.socket = socket;
    });
    return running.socket === undefined ? undefined : this.#options.uws.us_socket_local_port(running.socket);
  }

  /** Registers the listener, or finds out why there is none. */
  async #confirm(running: Running, kind: FrontListener['kind'], host: string, port: number, bound: number | undefined): Promise<void> {
    if (bound !== undefined) {
      this.listeners.push({ kind, address: formatListenAddress(host, bound), port: bound });
      return;
    }
    this.#shut(running);
    await probePort(host, port);
    throw new FrontListenError('UNKNOWN', formatListenAddress(host, port));
  }

  #stopListening(running: Running): void {
    if (running.socket === undefined) return;
    this.#options.uws.us_listen_socket_close(running.socket);
    running.socket = undefined;
  }

  #idle(running: Running, graceMs: number): Promise<void> {
    if (running.context.active.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, graceMs).unref(); // it may be long, and outlast what it waits for
      const { onIdle } = running.context; // whoever waits already, with another grace
      running.context.onIdle = () => {
        onIdle();
        clearTimeout(timer);
        setTimeout(resolve, FLUSH_MS);
      };
    });
  }

  #shut(running: Running): void {
    if (running.closed) return;
    running.closed = true;
    running.stopExpiry();
    this.#running.delete(running);
    this.#refusedBefore += running.gate.refused;
    running.app.close();
  }
}

function losesNoAuthority(old: TlsFacts | undefined, fresh: TlsFacts | undefined): boolean {
  return [...old?.authorities ?? []].every((authority) => fresh?.authorities.has(authority));
}

/** Opens what the config names. Rejects with FrontListenError or FrontTlsError; then nothing stays open. */
export async function startFront(options: FrontOptions): Promise<Front> {
  const front = new UwsFront(options);
  try {
    if (options.config.front.plain) await front.openPlain();
    if (options.config.tls.enabled) await front.openMtls();
  } catch (error) {
    await front.drain(0);
    throw error;
  }
  return front;
}
