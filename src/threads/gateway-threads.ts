// The control thread's hold on its gateway threads: starts them, asks them, swaps their snapshots in two phases, drains them.
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import type { AuditConnection } from '../audit/protocol.js';
import type { SnapshotSources } from '../jobs/read-sources.js';
import type { SnapshotDigests } from '../chain/snapshot.js';
import type { GatewayThreadData } from './gateway.js';
import type { AnswerOf, FromGateway, GatewayStats, IdentityReport, Question, SourceFault, ToGateway } from './messages.js';

export class ThreadRefused extends Error {
  readonly fault: SourceFault;
  constructor(fault: SourceFault) {
    super(fault.message);
    this.name = 'ThreadRefused';
    this.fault = fault;
  }
}

type Listener = { readonly kind: 'http' | 'mtls'; readonly address: string };

export interface ThreadEvents {
  readonly answer: <K extends Question['kind']>(question: Question & { readonly kind: K }) => Promise<AnswerOf[K]>;
  readonly releaseGrant: (requestId: string, token: string) => void;
  /** A thread ended without having been asked to. */
  readonly died: (index: number, reason: string) => void;
}

export interface GatewayThreads {
  readonly count: number;
  readonly listeners: readonly Listener[];
  /** All prepare, then all commit; rejects with ThreadRefused, and then no thread changed. */
  swap(sources: SnapshotSources): Promise<SnapshotDigests>;
  broadcast(message: ToGateway): void;
  stats(): Promise<GatewayStats[]>;
  identity(spiffeId: string): Promise<IdentityReport[]>;
  drain(graceMs: number): Promise<void>;
}

export type ThreadStart = Omit<GatewayThreadData, 'control' | 'audit' | 'index' | 'owner' | 'exclusive'> & { readonly connectAudit: () => AuditConnection };

/** Rejects with ThreadRefused when a thread can't start; then all are ended. */
export async function startGatewayThreads(count: number, start: ThreadStart, events: ThreadEvents, program = new URL('./gateway.js', import.meta.url)): Promise<GatewayThreads> {
  const threads: GatewayThread[] = [];
  try {
    // One after another: the first one's exclusive or shared bind decides whether the port is ours.
    for (let index = 0; index < count; index++) {
      const thread = new GatewayThread(program, start, index, count === 1, events);
      threads.push(thread);
      await thread.ready;
    }
  } catch (fault) {
    await Promise.all(threads.map((thread) => thread.end()));
    throw fault;
  }
  return new RunningThreads(threads);
}

class RunningThreads implements GatewayThreads {
  readonly #threads: readonly GatewayThread[];
  #swapping: Promise<unknown> = Promise.resolve();

  constructor(threads: readonly GatewayThread[]) {
    this.#threads = threads;
  }

  get count(): number {
    return this.#threads.length;
  }

  get listeners(): readonly Listener[] {
    const seen = new Map(this.#threads.flatMap((thread) => thread.listeners).map((listener) => [`${listener.kind} ${listener.address}`, listener]));
    return [...seen.values()];
  }

  swap(sources: SnapshotSources): Promise<SnapshotDigests> {
    // Swaps follow one another: two at once could leave threads with different snapshots.
    const turn = this.#swapping.then(() => this.#swap(sources));
    this.#swapping = turn.catch(() => undefined);
    return turn;
  }

  async #swap(sources: SnapshotSources): Promise<SnapshotDigests> {
    const prepared = await Promise.allSettled(this.#threads.map((thread) => thread.call((call) => ({ kind: 'prepare', call, sources }))));
    const refused = prepared.find((result) => result.status === 'rejected');
    if (refused !== undefined) {
      this.broadcast({ kind: 'discard', version: sources.version });
      throw refused.reason;
    }
    const committed = await Promise.all(this.#threads.map((thread) => thread.call((call) => ({ kind: 'commit', call, version: sources.version }))));
    return committed[0] as SnapshotDigests;
  }

  broadcast(message: ToGateway): void {
    for (const thread of this.#threads) thread.tell(message);
  }

  async stats(): Promise<GatewayStats[]> {
    return (await Promise.all(this.#threads.map((thread) => thread.call((call) => ({ kind: 'stats', call }))))) as GatewayStats[];
  }

  async identity(spiffeId: string): Promise<IdentityReport[]> {
    return (await Promise.all(this.#threads.map((thread) => thread.call((call) => ({ kind: 'identity', call, spiffeId }))))) as IdentityReport[];
  }

  async drain(graceMs: number): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.drain(graceMs)));
  }
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (fault: Error) => void;
}

// Calls in flight must not look long-lived to the collector: with the default 16 MiB a busy thread copies them again and again.
const YOUNG_GENERATION_MB = 96;

class GatewayThread {
  readonly ready: Promise<void>;
  listeners: readonly Listener[] = [];
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #events: ThreadEvents;
  readonly #waiting = new Map<number, Waiting>();
  readonly #exited: Promise<void>;
  #lastCall = 0;
  #ending = false;
  #over = false;

  constructor(program: URL, start: ThreadStart, index: number, exclusive: boolean, events: ThreadEvents) {
    this.#events = events;
    const { connectAudit, ...data } = start;
    const { port1, port2 } = new MessageChannel();
    const audit = connectAudit();
    this.#port = port1;
    const workerData: GatewayThreadData = { ...data, audit, control: port2, exclusive, index, owner: index + 2 };
    this.#worker = new Worker(program, { workerData, transferList: [port2, audit.port], name: `gateway-${index}`, resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB } });
    let reason = 'it ended';
    this.#worker.on('error', (error) => {
      reason = error instanceof Error ? error.message : 'an unknown error';
    });
    this.ready = new Promise((resolve, reject) => {
      port1.on('message', (message: FromGateway) => this.#take(message, resolve, reject));
      this.#worker.on('exit', () => reject(new ThreadRefused({ message: `gateway thread ${index}: ${reason}`, file: undefined, line: undefined, column: undefined, remedy: undefined })));
    });
    this.#exited = new Promise((resolve) => {
      this.#worker.on('exit', () => {
        this.#over = true;
        for (const { reject } of this.#waiting.values()) reject(new Error('the gateway thread ended'));
        this.#waiting.clear();
        if (!this.#ending) events.died(index, reason);
        resolve();
      });
    });
  }

  call(message: (call: number) => ToGateway): Promise<unknown> {
    // Nobody would answer, and whoever asked would wait for ever.
    if (this.#over) return Promise.reject(new Error('the gateway thread has ended'));
    return new Promise((resolve, reject) => {
      const call = ++this.#lastCall;
      this.#waiting.set(call, { resolve, reject });
      this.tell(message(call));
    });
  }

  tell(message: ToGateway): void {
    this.#port.postMessage(message);
  }

  async drain(graceMs: number): Promise<void> {
    this.#ending = true;
    await this.call((call) => ({ kind: 'drain', call, graceMs })).catch(() => undefined);
    await this.#exited;
  }

  async end(): Promise<void> {
    this.#ending = true;
    await this.#worker.terminate();
  }

  #take(message: FromGateway, ready: () => void, refused: (fault: Error) => void): void {
    switch (message.kind) {
      case 'ready':
        this.listeners = message.listeners;
        ready();
        return;
      case 'failed':
        refused(new ThreadRefused(message.error));
        return;
      case 'done': {
        const waiting = this.#waiting.get(message.call);
        this.#waiting.delete(message.call);
        if (message.error === undefined) waiting?.resolve(message.value);
        else waiting?.reject(new ThreadRefused(message.error));
        return;
      }
      case 'ask':
        this.#events.answer(message.question).then(
          (value) => this.tell({ kind: 'answer', call: message.call, value, error: undefined }),
          (fault: unknown) => this.tell({ kind: 'answer', call: message.call, value: undefined, error: fault instanceof Error ? fault.message : 'unknown' }),
        );
        return;
      case 'release_grant':
        this.#events.releaseGrant(message.requestId, message.token);
        return;
    }
  }
}
