// The control thread's hold on one gateway thread: its worker, the questions under way, and how it ended.
import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort, type Transferable } from 'node:worker_threads';
import type { AuditConnection } from '../audit/protocol.js';
import type { TracedRequest } from '../chain/request-spans.js';
import { describeSystemFault } from '../base/config/system-fault.js';
import type { GatewayThreadData } from './gateway.js';
import type { AnswerOf, FromGateway, GatewayStats, Question, SessionsTold, SourceFault, ToGateway } from './messages.js';

export class ThreadRefused extends Error {
  readonly fault: SourceFault;
  constructor(fault: SourceFault) {
    super(fault.message);
    this.name = 'ThreadRefused';
    this.fault = fault;
  }
}

export type ThreadListener = { readonly kind: 'http' | 'mtls'; readonly address: string; readonly port: number };

/** What every thread is started with. */
export type ThreadStart = Omit<GatewayThreadData, 'control' | 'audit' | 'processes' | 'index' | 'owner' | 'exclusive' | 'ports' | 'peers' | 'threads'> & {
  readonly connectAudit: () => AuditConnection;
  /** To the tool servers that are processes: the control thread owns them. */
  readonly connectProcesses: () => MessagePort;
};
export type ThreadPlace = Pick<GatewayThreadData, 'index' | 'owner' | 'exclusive' | 'ports' | 'peers' | 'threads'>;

export interface ThreadAnswers {
  readonly answer: <K extends Question['kind']>(question: Question & { readonly kind: K }) => Promise<AnswerOf[K]>;
  readonly releaseGrant: (requestId: string, token: string) => void;
  readonly grantRecorded: (requestId: string) => void;
  readonly sessionsTold: (told: SessionsTold) => void;
  readonly traced: (requests: readonly TracedRequest[]) => void;
  /** Of a thread that is ending. */
  readonly lastStats: (stats: GatewayStats) => void;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (fault: Error) => void;
}

// Calls in flight must not look long-lived to the collector: with the default 16 MiB a busy thread copies them again and again.
const YOUNG_GENERATION_MB = 96;

export class GatewayThread {
  readonly place: ThreadPlace;
  readonly ready: Promise<void>;
  /** Resolves to why, once the thread has ended without having been asked to; never otherwise. */
  readonly died: Promise<string>;
  listeners: readonly ThreadListener[] = [];
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #answers: ThreadAnswers;
  readonly #waiting = new Map<number, Waiting>();
  readonly #exited: Promise<void>;
  #reason = 'it ended';
  #lastCall = 0;
  #serves = false;
  #ending = false;
  #over = false;

  constructor(program: URL, start: ThreadStart, place: ThreadPlace, answers: ThreadAnswers) {
    this.#answers = answers;
    this.place = place;
    const { connectAudit, connectProcesses, ...data } = start;
    const { port1, port2 } = new MessageChannel();
    const audit = connectAudit();
    const processes = connectProcesses();
    this.#port = port1;
    const workerData: GatewayThreadData = { ...data, ...place, audit, processes, control: port2 };
    this.#worker = new Worker(program, {
      workerData, transferList: [port2, audit.port, processes, ...place.peers.map((peer) => peer.port)], name: `gateway-${place.index}`, resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    });
    this.#worker.on('error', (error) => {
      this.#reason = error instanceof Error ? describeSystemFault(error)?.message ?? error.message : 'an unknown error';
    });
    this.ready = new Promise((resolve, reject) => {
      port1.on('message', (message: FromGateway) => this.#take(message, resolve, reject));
      this.#worker.on('exit', () => {
        // What it said last, why it can't start above all, may come after the news of its end.
        for (let last = receiveMessageOnPort(port1); last !== undefined; last = receiveMessageOnPort(port1)) this.#take(last.message as FromGateway, resolve, reject);
        reject(new ThreadRefused({ message: `gateway thread ${place.index}: ${this.#reason}`, file: undefined, line: undefined, column: undefined, remedy: undefined }));
      });
    });
    let tellDied: (reason: string) => void = () => undefined;
    this.died = new Promise((resolve) => {
      tellDied = resolve;
    });
    this.#exited = new Promise((resolve) => {
      this.#worker.on('exit', () => {
        this.#over = true;
        for (const { reject } of this.#waiting.values()) reject(new Error('the gateway thread ended'));
        this.#waiting.clear();
        port1.close();
        if (!this.#ending) tellDied(this.#reason);
        resolve();
      });
    });
  }

  get over(): boolean {
    return this.#over;
  }

  /** It has begun to serve, and has not ended. */
  get runs(): boolean {
    return this.#serves && !this.#over;
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

  tell(message: ToGateway, transfer: readonly Transferable[] = []): void {
    this.#port.postMessage(message, transfer);
  }

  /** Stops accepting; resolves when its calls have been answered or the grace is over. */
  async drain(graceMs: number): Promise<void> {
    this.#ending = true;
    await this.call((call) => ({ kind: 'drain', call, graceMs })).catch(() => undefined);
  }

  /** After `drain`: ends what is left of its calls, each with its record and its answer. */
  async finish(): Promise<void> {
    this.#ending = true;
    await this.call((call) => ({ kind: 'finish', call })).catch(() => undefined);
  }

  /** After `finish`, when no other thread can need it any more. */
  async close(): Promise<void> {
    this.#ending = true;
    if (!this.#over) this.tell({ kind: 'close' });
    await this.#exited;
  }

  /** One that serves must close its listeners first: ended with them open it would take the process along. */
  async end(): Promise<void> {
    this.#ending = true;
    if (this.#serves) {
      await this.drain(0);
      await this.finish();
      await this.close();
    } else await this.#worker.terminate();
  }

  #take(message: FromGateway, ready: () => void, refused: (fault: Error) => void): void {
    switch (message.kind) {
      case 'ready':
        this.listeners = message.listeners;
        this.#serves = true;
        ready();
        return;
      case 'failed':
        refused(new ThreadRefused(message.error));
        return;
      case 'crashed':
        this.#reason = message.reason;
        return;
      case 'last_stats':
        this.#answers.lastStats(message.stats);
        return;
      case 'done': {
        const waiting = this.#waiting.get(message.call);
        this.#waiting.delete(message.call);
        if (message.error === undefined) waiting?.resolve(message.value);
        else waiting?.reject(new ThreadRefused(message.error));
        return;
      }
      case 'ask':
        this.#answers.answer(message.question).then(
          (value) => this.tell({ kind: 'answer', call: message.call, value, error: undefined }),
          (fault: unknown) => this.tell({ kind: 'answer', call: message.call, value: undefined, error: fault instanceof Error ? fault.message : 'unknown' }),
        );
        return;
      case 'release_grant':
        this.#answers.releaseGrant(message.requestId, message.token);
        return;
      case 'grant_recorded':
        this.#answers.grantRecorded(message.requestId);
        return;
      case 'sessions_told':
        this.#answers.sessionsTold(message);
        return;
      case 'traced':
        this.#answers.traced(message.requests);
        return;
    }
  }
}
