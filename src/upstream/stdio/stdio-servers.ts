// All tool servers that are processes of this gateway. One thread owns them; the others reach it over ports (../port).
import { isDeepStrictEqual } from 'node:util';
import type { Log } from '../../base/telemetry/log.js';
import type { RegisteredServer, StdioProgram } from '../../engines/registry/types.js';
import type { WireReader } from '../duplex/wire-message.js';
import { RefusedCall } from '../refused-call.js';
import type { UpstreamCall, UpstreamClient, UpstreamRequest, UpstreamSink } from '../types.js';
import { StdioServer, type ProcessReport } from './stdio-server.js';

export interface StdioOptions {
  readonly reader: WireReader;
  /** Of one message; what waits for a caller that reads slowly likewise. */
  readonly answerBytesMax: number;
  /** Of all servers together. */
  readonly processesMax: () => number;
  /** How long a session's process may be unused. */
  readonly sessionIdleMs: number;
  /** PATH, HOME and LANG: all that a process gets of the gateway's environment. */
  readonly bareEnvironment: Readonly<Record<string, string>>;
  /** A variable of the gateway that an entry names as $ENV{NAME}. */
  readonly variable: (name: string) => string | undefined;
  /** Where processes run unless their entry says. */
  readonly folder: string;
  /** What the gateway says of itself where many share a process. */
  readonly initializeParams: string;
  readonly nowMs: () => number;
  readonly after: (ms: number, run: () => void) => () => void;
  readonly every: (ms: number, tick: () => void) => () => void;
  readonly log: Log;
  /** What may not stand in the log, beside the values of its own environment. */
  readonly secretsOf: (upstream: string) => readonly string[];
  /** One for each server, which keeps what it needs to look for the same values again. */
  readonly secretFinder: () => SecretFinder;
  /** It was started anew, or says so: its tools are to be listed. */
  readonly toolsMayDiffer: (upstream: string) => void;
  /** One was started, or is gone. */
  readonly processesChanged: () => void;
}

/** Whether a text holds one of the values, in any form that the gateway reads. Throws where that takes too much. */
export type SecretFinder = (values: readonly string[], text: Uint8Array) => boolean;

const SWEEP_MS = 10_000;

export class StdioServers implements UpstreamClient {
  readonly #options: StdioOptions;
  readonly #stopSweeping: () => void;
  #servers = new Map<string, StdioServer>();
  /** No longer registered; their processes are ending. */
  readonly #leaving = new Set<StdioServer>();

  constructor(options: StdioOptions) {
    this.#options = options;
    this.#stopSweeping = options.every(SWEEP_MS, () => {
      for (const server of this.#servers.values()) server.dropIdle(options.sessionIdleMs);
    });
  }

  /** A server whose entry is another now, or gone, ends; its calls under way fail. */
  setServers(entries: ReadonlyMap<string, RegisteredServer>): void {
    const next = new Map<string, StdioServer>();
    for (const [upstream, { transport }] of entries) {
      if (transport.kind !== 'stdio') continue;
      const known = this.#servers.get(upstream);
      next.set(upstream, known !== undefined && isDeepStrictEqual(known.program, transport.program) ? known : this.#create(upstream, transport.program));
    }
    const old = [...this.#servers].filter(([upstream, server]) => next.get(upstream) !== server);
    this.#servers = next;
    for (const [, server] of old) {
      this.#leaving.add(server);
      void server.close().finally(() => this.#leaving.delete(server));
    }
  }

  /** For the gateway's own listings, one at a time for each server. */
  send(request: UpstreamRequest, sink: UpstreamSink): UpstreamCall {
    return this.#send(request, sink, true);
  }

  /** For callers: as many processes as there may be. */
  forCallers(): UpstreamClient {
    return { send: (request, sink) => this.#send(request, sink, false), close: () => Promise.resolve() };
  }

  /** Undefined: it is no process. */
  report(upstream: string): ProcessReport | undefined {
    return this.#servers.get(upstream)?.report();
  }

  pids(): number[] {
    return this.#all().flatMap((server) => server.report().pids);
  }

  /** Resolves when every process is gone. */
  async close(): Promise<void> {
    this.#stopSweeping();
    await Promise.all(this.#all().map((server) => server.close()));
  }

  /** At once, with everything they started: the last thing this process does. */
  kill(): void {
    for (const server of this.#all()) server.kill();
  }

  #send(request: UpstreamRequest, sink: UpstreamSink, isOwn: boolean): UpstreamCall {
    const server = this.#servers.get(request.url);
    return server === undefined ? new RefusedCall(sink, { kind: 'transport', maybeSent: false, message: 'no such process is registered' }) : server.send(request, sink, isOwn);
  }

  #all(): StdioServer[] {
    return [...this.#servers.values(), ...this.#leaving];
  }

  #create(upstream: string, program: StdioProgram): StdioServer {
    return new StdioServer(upstream, program, this.#options, () => this.#all().reduce((sum, server) => sum + server.processes, 0) < this.#options.processesMax());
  }
}
