// All gateway threads, as the control thread holds them: starts them, asks them, swaps their snapshots in two phases, replaces one that ends, drains them.
import { MessageChannel } from 'node:worker_threads';
import { programOf } from '../base/installation.js';
import type { SnapshotSources } from '../jobs/read-sources.js';
import type { SnapshotDigests } from '../chain/snapshot.js';
import { GatewayThread, ThreadRefused, type ThreadAnswers, type ThreadListener, type ThreadStart } from './gateway-thread.js';
import type { GatewayStats, IdentityReport, ThreadHealth, ThreadSessions, ToGateway } from './messages.js';
import type { PeerLine } from './relay.js';
import { RestartPace } from './restart-pace.js';
import { StallWatch } from './stall-watch.js';

export interface ThreadEvents extends ThreadAnswers {
  /** Before the first one starts: it serves while the others start, and must hear what is said to all. */
  readonly begun: (threads: GatewayThreads) => void;
  /** A thread ended without having been asked to; another takes its place. `owner` names it in shared memory. */
  readonly died: (index: number, owner: number, reason: string, replacedInMs: number) => void;
  readonly replaced: (index: number) => void;
  readonly notReplaced: (index: number, reason: string, nextInMs: number) => void;
  readonly stalled: (index: number) => void;
  readonly recovered: (index: number) => void;
}

export interface ThreadSurroundings {
  readonly nowMs: () => number;
  readonly after: (ms: number, run: () => void) => () => void;
  readonly stallMs: number;
}

export interface GatewayThreads {
  readonly count: number;
  readonly listeners: readonly ThreadListener[];
  health(): ThreadHealth;
  /** All prepare, then all commit; rejects with ThreadRefused, and then no thread changed. Where none runs it waits for the next one: what none has prepared is in force nowhere. Rejects, too, for what ends all that prepare it. */
  swap(sources: SnapshotSources): Promise<SnapshotDigests>;
  broadcast(message: ToGateway): void;
  /** New evidence of identity, for all threads and those to come. Undefined = as before. */
  setEvidence(evidence: Pick<ThreadStart, 'jwtBundle' | 'trustBundle'>, replaceTls: boolean): void;
  stats(): Promise<GatewayStats[]>;
  identity(spiffeId: string): Promise<IdentityReport[]>;
  /** Of the sessions named, those that a thread has. */
  sessions(serials: readonly number[]): Promise<ThreadSessions[]>;
  /** Ends them where they are open, streams and all. */
  endSessions(serials: readonly number[]): Promise<void>;
  drain(graceMs: number): Promise<void>;
}

/** The control thread's own name in shared memory is 1. */
const FIRST_OWNER = 2;
const ANSWER_WAIT_MS = 2000; // status and metrics don't wait longer for a thread that is busy or stalled
const FATAL_SWAPS_MAX = 2; // one end may have had another reason; each costs the calls under way
const END_WAIT_MS = 5000; // a thread that stands still holds up no end: longer than one that lives takes for its last answers

/** Rejects with ThreadRefused when a thread can't start; then all are ended. */
export async function startGatewayThreads(count: number, start: ThreadStart, events: ThreadEvents, around: ThreadSurroundings, program = programOf('gateway')): Promise<GatewayThreads> {
  const threads = new RunningThreads(count, start, events, around, program);
  events.begun(threads);
  await threads.start();
  return threads;
}

class RunningThreads implements GatewayThreads {
  readonly count: number;
  readonly #program: URL;
  readonly #events: ThreadEvents;
  readonly #around: ThreadSurroundings;
  readonly #threads: GatewayThread[] = [];
  readonly #pace: RestartPace;
  readonly #stalls: StallWatch;
  readonly #timers = new Set<() => void>();
  #start: ThreadStart;
  #lastOwner = FIRST_OWNER - 1;
  #swapping: Promise<unknown> = Promise.resolve();
  /** Swaps that found no thread. */
  #awaitingOne: (() => void)[] = [];
  #ending = false;
  #last: ThreadHealth['lastEnd'] = undefined;

  constructor(count: number, start: ThreadStart, events: ThreadEvents, around: ThreadSurroundings, program: URL) {
    this.count = count;
    this.#start = start;
    this.#events = events;
    this.#around = around;
    this.#program = program;
    this.#pace = new RestartPace(around.nowMs);
    this.#stalls = new StallWatch(start.beats, count, { stallMs: around.stallMs, nowMs: around.nowMs, stalled: events.stalled, recovered: events.recovered });
  }

  async start(): Promise<void> {
    try {
      // The first one's bind decides which port is ours; all others have it, and start together: on a large machine they are many.
      await this.#open(0).ready;
      await Promise.all(Array.from({ length: this.count - 1 }, (_, n) => this.#open(n + 1).ready));
    } catch (fault) {
      this.#ending = true;
      await Promise.all(this.#threads.map((thread) => thread.end()));
      throw fault;
    }
    for (const thread of this.#threads) this.#watch(thread);
    this.#lookForStalls();
  }

  get listeners(): readonly ThreadListener[] {
    const seen = new Map(this.#threads.flatMap((thread) => thread.listeners).map((listener) => [`${listener.kind} ${listener.address}`, listener]));
    return [...seen.values()];
  }

  health(): ThreadHealth {
    const stalled = this.#stalls.stalled().filter((index) => this.#threads[index]?.runs === true);
    return { count: this.count, running: this.#threads.filter((thread) => thread.runs).length, stalled, restarts: this.#pace.restarts, lastEnd: this.#last };
  }

  async swap(sources: SnapshotSources): Promise<SnapshotDigests> {
    for (let fatal = 0; ; ) {
      // Swaps follow one another: two at once could leave threads with different snapshots. A thread that takes another's place waits for its turn, too.
      const digests = await this.#inTurn(() => this.#swap(sources));
      if (typeof digests === 'object') return digests;
      if (digests === 'ended_all' && ++fatal === FATAL_SWAPS_MAX) throw new Error('each gateway thread that prepares it ends');
      await this.#untilOneRuns();
    }
  }

  broadcast(message: ToGateway): void {
    for (const thread of this.#alive()) thread.tell(message);
  }

  setEvidence(evidence: Pick<ThreadStart, 'jwtBundle' | 'trustBundle'>, replaceTls: boolean): void {
    const { jwtBundle = this.#start.jwtBundle, trustBundle = this.#start.trustBundle } = evidence;
    this.#start = { ...this.#start, jwtBundle, trustBundle };
    this.broadcast({ kind: 'evidence', ...evidence, replaceTls });
  }

  stats(): Promise<GatewayStats[]> {
    return this.#askAll((call) => ({ kind: 'stats', call })) as Promise<GatewayStats[]>;
  }

  identity(spiffeId: string): Promise<IdentityReport[]> {
    return this.#askAll((call) => ({ kind: 'identity', call, spiffeId })) as Promise<IdentityReport[]>;
  }

  sessions(serials: readonly number[]): Promise<ThreadSessions[]> {
    return this.#askAll((call) => ({ kind: 'sessions', call, serials })) as Promise<ThreadSessions[]>;
  }

  async endSessions(serials: readonly number[]): Promise<void> {
    await this.#askAll((call) => ({ kind: 'end_sessions', call, serials }));
  }

  async drain(graceMs: number): Promise<void> {
    this.#ending = true;
    this.#tellAwaiting();
    for (const cancel of this.#timers) cancel();
    await this.#inTime(this.#swapping).catch(() => undefined);
    // Each only when all have done the one before: until all have drained one may still get calls of another, until all have finished it answers them.
    const drained = await this.#allInTime(this.#alive(), (thread) => thread.drain(graceMs), graceMs + END_WAIT_MS);
    const finished = await this.#allInTime(drained, (thread) => thread.finish(), END_WAIT_MS);
    await this.#allInTime(finished, (thread) => thread.close(), END_WAIT_MS);
  }

  /** Those that have done it; the others end with the process. */
  async #allInTime(threads: readonly GatewayThread[], work: (thread: GatewayThread) => Promise<void>, waitMs: number): Promise<GatewayThread[]> {
    const done = await Promise.allSettled(threads.map((thread) => this.#inTime(work(thread), waitMs)));
    return threads.filter((_, i) => done[i]?.status === 'fulfilled');
  }

  #alive(): GatewayThread[] {
    return this.#threads.filter((thread) => !thread.over);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#swapping.then(work);
    this.#swapping = turn.catch(() => undefined);
    return turn;
  }

  /** Where no thread has prepared them, because none was there or all ended meanwhile, nothing changed. */
  async #swap(sources: SnapshotSources): Promise<SnapshotDigests | 'found_none' | 'ended_all'> {
    if (this.#ending) throw new Error('the gateway is stopping');
    const threads = this.#alive();
    const prepared = await Promise.allSettled(threads.map((thread) => thread.call((call) => ({ kind: 'prepare', call, sources }))));
    const refused = prepared.find((result) => result.status === 'rejected' && result.reason instanceof ThreadRefused);
    if (refused?.status === 'rejected') {
      this.broadcast({ kind: 'discard', version: sources.version });
      throw refused.reason;
    }
    const first = prepared.find((result) => result.status === 'fulfilled');
    if (first === undefined) {
      const fault = prepared.find((result, at): result is PromiseRejectedResult => result.status === 'rejected' && threads[at]?.over === false);
      if (fault !== undefined) throw fault.reason; // it would be the next time, too
      return threads.length === 0 ? 'found_none' : 'ended_all';
    }
    // From here on a thread that ends is replaced by one with the new sources, and be it all of them.
    this.#start = { ...this.#start, sources };
    await Promise.allSettled(threads.map((thread) => thread.call((call) => ({ kind: 'commit', call, version: sources.version }))));
    return first.value as SnapshotDigests;
  }

  #untilOneRuns(): Promise<void> {
    if (this.#ending || this.#threads.some((thread) => thread.runs)) return Promise.resolve();
    return new Promise((resolve) => this.#awaitingOne.push(resolve));
  }

  #tellAwaiting(): void {
    for (const go of this.#awaitingOne.splice(0)) go();
  }

  /** The answers of those that answer in time. */
  async #askAll(message: (call: number) => ToGateway): Promise<unknown[]> {
    const answers = await Promise.allSettled(this.#alive().map((thread) => this.#inTime(thread.call(message))));
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  }

  #inTime(answer: Promise<unknown>, waitMs = ANSWER_WAIT_MS): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const cancel = this.#around.after(waitMs, () => reject(new Error('the gateway thread does not answer')));
      answer.then(resolve, reject).finally(cancel);
    });
  }

  #open(index: number): GatewayThread {
    const owner = ++this.#lastOwner;
    const peers: PeerLine[] = [];
    for (const other of this.#alive()) {
      const { port1, port2 } = new MessageChannel();
      other.tell({ kind: 'peer', line: { thread: index, owner, port: port1 } }, [port1]);
      peers.push({ thread: other.place.index, owner: other.place.owner, port: port2 });
    }
    const portOf = (kind: ThreadListener['kind']): number | undefined => this.listeners.find((listener) => listener.kind === kind)?.port;
    const thread = new GatewayThread(this.#program, this.#start, { index, owner, exclusive: this.count === 1, ports: { http: portOf('http'), mtls: portOf('mtls') }, peers, threads: this.count }, this.#events);
    this.#threads[index] = thread;
    return thread;
  }

  #watch(thread: GatewayThread): void {
    const { index, owner } = thread.place;
    void thread.died.then((reason) => {
      if (this.#ending) return;
      const waitMs = this.#pace.ended(index);
      this.#last = { thread: index, reason, atMs: this.#around.nowMs() };
      this.#events.died(index, owner, reason, waitMs);
      this.#replaceAfter(index, waitMs);
    });
  }

  #replaceAfter(index: number, waitMs: number): void {
    const cancel = this.#around.after(waitMs, () => {
      this.#timers.delete(cancel);
      void this.#inTurn(() => this.#replace(index));
    });
    this.#timers.add(cancel);
  }

  async #replace(index: number): Promise<void> {
    if (this.#ending) return;
    const listeners = this.#threads[index]?.listeners ?? [];
    const thread = this.#open(index);
    thread.listeners = listeners;
    try {
      await thread.ready;
      this.#stalls.begin(index);
      this.#watch(thread);
      this.#tellAwaiting();
      this.#events.replaced(index);
    } catch (fault) {
      await thread.end();
      const nextMs = this.#pace.ended(index);
      this.#events.notReplaced(index, fault instanceof Error ? fault.message : 'unknown', nextMs);
      this.#replaceAfter(index, nextMs);
    }
  }

  #lookForStalls(): void {
    const cancel = this.#around.after(this.#stalls.everyMs, () => {
      this.#timers.delete(cancel);
      this.#stalls.look((index) => this.#threads[index]?.runs === true);
      if (!this.#ending) this.#lookForStalls();
    });
    this.#timers.add(cancel);
  }
}
