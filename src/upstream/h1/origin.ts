// The connections to one origin and the calls that wait for one: the last connection used is used next, the first call that waits is served first.
import type { Admission, Origin, OriginOptions, Target } from '../origin.js';
import { RefusedCall } from '../refused-call.js';
import type { UpstreamCall, UpstreamRequest, UpstreamSink } from '../types.js';
import { KnownHeads } from './answer-reader.js';
import { H1Call } from './call.js';
import { Connection, type Keeper } from './connection.js';
import { requestParts, type Runtime } from './runtime.js';
import { Timed } from './time-wheel.js';
import { WaitingLine } from './waiting-line.js';

const DEFAULT_PORT = 80;

export class H1Origin extends Timed implements Origin, Keeper {
  readonly admission: Admission;
  readonly runtime: Runtime;
  readonly limits: OriginOptions;
  readonly answerHeads: KnownHeads;
  readonly #host: string;
  readonly #port: number;
  readonly #all = new Set<Connection>();
  /** Those that can take a call: idle ones, and with pipelining those that have fewer than they may. */
  readonly #open: Connection[] = [];
  readonly #waiting = new WaitingLine<H1Call>();
  #connecting = 0;
  #closed = false;

  constructor(url: URL, admission: Admission, runtime: Runtime, options: OriginOptions) {
    super();
    this.admission = admission;
    this.runtime = runtime;
    this.limits = options;
    this.answerHeads = new KnownHeads(options.keepAliveMs);
    this.#host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    this.#port = url.port === '' ? DEFAULT_PORT : Number(url.port);
  }

  get connections(): number {
    return this.#all.size;
  }

  start(request: UpstreamRequest, sink: UpstreamSink, target: Target): UpstreamCall {
    const { body } = request;
    const head = this.runtime.heads.write(request.httpMethod, target.requestTail, request.headers, body?.length);
    if (head === undefined) return new RefusedCall(sink, { kind: 'protocol', maybeSent: false, message: 'a header of the request is not allowed' });
    const bodyBytes = body?.length ?? 0; // taken now: lent bytes are gone later, and then their length is 0
    const call = new H1Call(request, sink, this, bodyBytes);
    const nowMs = this.runtime.monotonicMs();
    this.admission.enter(bodyBytes);
    this.runtime.wheel.add(call, request.answerTimeoutMs, nowMs);
    const connection = this.#withRoom(nowMs);
    if (connection !== undefined) {
      connection.send(call, head, body, request.bodyStays === true);
      if (connection.listed && !connection.hasRoom) this.#unlist(connection); // it may have ended meanwhile
      return call;
    }
    call.message = requestParts(head, body, request.bodyStays === true);
    this.#waiting.push(call);
    this.#connect();
    return call;
  }

  /** Other calls hold all connections there may be. */
  isFull(): boolean {
    return this.#all.size - this.#connecting - this.#open.length >= this.limits.connectionsMax;
  }

  /** A call that waits gives up. */
  forget(call: H1Call): void {
    if (call.message === undefined) return;
    call.message = undefined;
    this.#waiting.remove(call);
  }

  connected(connection: Connection): void {
    this.#connecting -= 1;
    this.#serve(connection);
  }

  answered(connection: Connection): void {
    this.#serve(connection);
  }

  ended(connection: Connection, fault?: string): void {
    this.#all.delete(connection);
    if (connection.listed) this.#unlist(connection);
    if (!connection.standing) this.#connecting -= 1;
    if (fault !== undefined) this.#failFirst(fault);
    this.#connect();
  }

  /** Connections that have rested long enough are closed, so that a server that holds few can serve others. */
  onDue(): void {
    const nowMs = this.runtime.monotonicMs();
    for (const connection of [...this.#open]) if (hasAged(connection, nowMs)) connection.drop();
    if (this.#open.length > 0) this.runtime.wheel.add(this, this.limits.keepAliveMs, nowMs);
  }

  close(): Promise<void> {
    this.#closed = true;
    this.runtime.wheel.remove(this);
    while (this.#waiting.length > 0) this.#failFirst('the upstream client is closed');
    for (const connection of [...this.#all]) {
      connection.fail('transport', 'the upstream client is closed');
    }
    return Promise.resolve();
  }

  /** One connection that could not be made is one call that is not served. */
  #failFirst(fault: string): void {
    this.#waiting.first?.fail('transport', fault); // it leaves the line by itself
  }

  /** It stays among those with room. */
  #withRoom(nowMs: number): Connection | undefined {
    for (;;) {
      const connection = this.#open.at(-1);
      if (connection === undefined || !hasAged(connection, nowMs)) return connection;
      connection.drop();
    }
  }

  #unlist(connection: Connection): void {
    connection.listed = false;
    if (this.#open.at(-1) === connection) this.#open.pop();
    else this.#open.splice(this.#open.lastIndexOf(connection), 1);
  }

  #serve(connection: Connection): void {
    if (this.#waiting.length > 0) connection.catchUp();
    while (connection.hasRoom) {
      const call = this.#waiting.shift();
      if (call === undefined) break;
      connection.sendWaiting(call);
    }
    const { nowMs } = this.runtime.wheel; // a tick old at most: a connection passes for older than it is, never for younger
    connection.idleSinceMs = nowMs;
    if (!connection.hasRoom || connection.listed) return;
    connection.listed = true;
    this.#open.push(connection);
    if (this.next === undefined) this.runtime.wheel.add(this, this.limits.keepAliveMs, nowMs);
  }

  /** Opens what the waiting calls need, and no more than is allowed. */
  #connect(): void {
    while (!this.#closed && this.#connecting < this.#waiting.length && this.#all.size < this.limits.connectionsMax) {
      this.#connecting += 1;
      this.#all.add(new Connection(this, this.#host, this.#port));
    }
  }
}

function hasAged(connection: Connection, nowMs: number): boolean {
  return connection.isIdle && nowMs - connection.idleSinceMs >= connection.reusableMs;
}
