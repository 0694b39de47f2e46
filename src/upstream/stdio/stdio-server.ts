// One registered stdio server: its process or processes, how often they ended, and when the next may start.
import { faultFacts } from '../../base/telemetry/log.js';
import type { StdioProgram } from '../../engines/registry/types.js';
import { Peer, type OpenPeer } from '../duplex/peer.js';
import { SessionServer } from '../duplex/session-server.js';
import { SharedServer } from '../duplex/shared-server.js';
import type { UpstreamCall, UpstreamRequest, UpstreamSink } from '../types.js';
import { BackOff } from './back-off.js';
import { resolveVariables } from './variables.js';
import { Child } from './child.js';
import { notStarted, startProcess } from './start-process.js';
import { SECRET_LENGTH_MIN, StderrLines } from './stderr-lines.js';
import type { StdioOptions } from './stdio-servers.js';

export interface ProcessReport {
  readonly instance: StdioProgram['instance'];
  readonly pids: readonly number[];
  /** How often one ended without having been asked to. */
  readonly ended: number;
  readonly lastEnd: { readonly reason: string; readonly atMs: number } | undefined;
}

export class StdioServer {
  readonly program: StdioProgram;
  readonly #upstream: string;
  readonly #options: StdioOptions;
  readonly #face: SharedServer | SessionServer;
  readonly #backOff = new BackOff();
  readonly #stderr: StderrLines;
  readonly #children = new Set<Child>();
  readonly #mayStart: () => boolean;
  /** What it was given: not for the log. */
  #given: readonly string[] = [];
  #ended = 0;
  #lastEnd: ProcessReport['lastEnd'];
  #closed = false;
  #cancelRestart: () => void = () => undefined;

  /** `mayStart`: there is room for one more process. */
  constructor(upstream: string, program: StdioProgram, options: StdioOptions, mayStart: () => boolean) {
    this.program = program;
    this.#upstream = upstream;
    this.#options = options;
    this.#mayStart = mayStart;
    const open: OpenPeer = (ended, isOwn) => this.#open(ended, isOwn);
    this.#face = program.instance === 'shared' ? new SharedServer(options.reader, open, options.initializeParams, options.after) : new SessionServer(options.reader, open, options.nowMs);
    const findSecret = options.secretFinder();
    const holdsSecret = (text: string): boolean => findSecret([...this.#given.filter(({ length }) => length >= SECRET_LENGTH_MIN), ...options.secretsOf(upstream)], Buffer.from(text));
    this.#stderr = new StderrLines(options.nowMs, () => [...this.#given, ...options.secretsOf(upstream)], holdsSecret, (line, leftOut) => {
      options.log.info({ server: upstream, line, ...(leftOut === 0 ? {} : { lines_left_out: leftOut }) }, 'a tool server wrote to stderr');
    });
  }

  get processes(): number {
    return this.#children.size;
  }

  send(request: UpstreamRequest, sink: UpstreamSink, isOwn: boolean): UpstreamCall {
    return this.#face.send(request, sink, isOwn);
  }

  dropIdle(idleMs: number): void {
    if (this.#face instanceof SessionServer) this.#face.dropIdle(idleMs);
  }

  report(): ProcessReport {
    return { instance: this.program.instance, pids: [...this.#children].flatMap(({ pid }) => (pid === undefined ? [] : [pid])), ended: this.#ended, lastEnd: this.#lastEnd };
  }

  /** Resolves when every process is gone. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRestart();
    this.#face.close();
    for (const child of this.#children) child.close();
    await Promise.all([...this.#children].map(({ gone }) => gone));
  }

  kill(): void {
    for (const child of this.#children) child.kill();
  }

  #open(ended: (peer: Peer) => void, isOwn: boolean): Peer | 'full' | 'resting' {
    const options = this.#options;
    if (this.#closed || this.#backOff.rests(options.nowMs())) return 'resting';
    if (!isOwn && !this.#mayStart()) return 'full';
    const startedMs = options.nowMs();
    const resolved = resolveVariables(this.program.env, options.variable);
    if (typeof resolved === 'string') {
      this.#endedByItself(false, startedMs, resolved);
      return 'resting';
    }
    this.#given = Object.values(resolved);
    const program = { ...this.program, env: resolved };
    const peer: Peer = new Peer(
      (events) => {
        const started = startProcess({ program, bareEnvironment: options.bareEnvironment, folder: options.folder });
        if (typeof started === 'string') return notStarted(events, started);
        const child = new Child(started, {
          command: program.command, lineBytesMax: options.answerBytesMax, nowMs: options.nowMs, after: options.after,
          onStderr: (line) => this.#stderr.push(line),
          onFault: (fault) => options.log.error({ ...faultFacts(fault), server: this.#upstream }, 'the gateway failed on what a tool server wrote; the server is ended'),
          onGone: (gone) => this.#gone(gone),
        }, events);
        this.#children.add(child);
        options.processesChanged();
        return child;
      },
      {
        reader: options.reader, shared: program.instance === 'shared', heldBytesMax: options.answerBytesMax,
        toolsChanged: () => options.toolsMayDiffer(this.#upstream),
        unreadable: (bytes) => this.#stderr.push(Buffer.from(`(${bytes} bytes on stdout that are no message)`)),
        stray: (idText) => this.#stderr.push(Buffer.from(`(an answer on stdout to the id ${idText || 'that it lacks'}, which no request had)`)),
        closed: (one, fault) => {
          ended(one);
          this.#endedByItself(one.answered, startedMs, fault.message);
        },
      },
    );
    return peer;
  }

  #gone(child: Child): void {
    this.#children.delete(child);
    this.#options.processesChanged();
  }

  #endedByItself(answered: boolean, startedMs: number, reason: string): void {
    const nowMs = this.#options.nowMs();
    this.#ended += 1;
    this.#lastEnd = { reason, atMs: nowMs };
    this.#options.log.warn({ server: this.#upstream, reason }, 'a tool server ended');
    // One client's process may have ended by what that client asked: the others' start all the same.
    if (this.program.instance === 'session' && answered) return;
    const waitMs = this.#backOff.ended(startedMs, nowMs);
    if (this.program.instance === 'session' || this.#closed) return;
    this.#cancelRestart();
    // The listing starts it again, and sees whether it still serves what is registered.
    this.#cancelRestart = this.#options.after(waitMs, () => this.#options.toolsMayDiffer(this.#upstream));
  }
}
