// Starts the audit writer: in a thread of its own for the gateway, or in this thread for tools and tests.
import { MessageChannel, Worker } from 'node:worker_threads';
import { systemClock } from '../base/clock/clock.js';
import { programOf } from '../base/installation.js';
import { Ringer, createBell } from './bell.js';
import { GENESIS_HASH } from './hash-chain.js';
import { REAL_DISK } from './file-writer.js';
import { createLane } from './lane.js';
import type { AuditConnection, AuditHealth, AuditStatus, AuditWriterHandle, AuditWriterOptions, FromWriterThread, ToWriterThread, WriterThreadData } from './protocol.js';
import { AuditWriter } from './writer.js';
import { WriterLoop } from './writer-loop.js';
import type { WriterSurroundings } from './writer.js';

/** The real clock, disk and process. */
export function realSurroundings(): WriterSurroundings {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  return {
    disk: REAL_DISK,
    nowUs: systemClock.nowUs,
    steadyMs: systemClock.monotonicMs,
    pauseMs: (ms) => void Atomics.wait(cell, 0, 0, ms), // the only sleep below a millisecond; nobody ever notifies
    pid: process.pid,
  };
}

function connection(bell: SharedArrayBuffer): { readonly here: AuditConnection; readonly there: AuditConnection } {
  const { port1, port2 } = new MessageChannel();
  const lane = createLane();
  return { here: { port: port1, lane, bell }, there: { port: port2, lane, bell } };
}

/** Blocks this thread at each commit. */
export function startAuditWriterHere(options: AuditWriterOptions, around: WriterSurroundings = realSurroundings()): AuditWriterHandle {
  const writer = new AuditWriter(options, around);
  writer.open();
  const bell = createBell();
  const loop = new WriterLoop(writer, bell, around, 0);
  return {
    connect() {
      const { here, there } = connection(bell);
      loop.connect(there);
      return here;
    },
    status: () => Promise.resolve(writer.status()),
    close: () => {
      writer.close();
      return Promise.resolve();
    },
    onHealth(listener) {
      writer.onHealth(listener);
    },
    died: new Promise(() => undefined), // this thread would have died with it
  };
}

/** Who asks how the log is, is told in this time: a disk that stands still holds up the writer's thread, and nobody else. */
const ANSWER_WAIT_MS = 3_000;

export function spawnAuditWriter(options: AuditWriterOptions, program: URL = programOf('audit-writer'), answerWaitMs = ANSWER_WAIT_MS): AuditWriterHandle {
  const bell = createBell();
  const workerData: WriterThreadData = { options, bell };
  return new WriterThread(new Worker(program, { workerData, name: 'audit-writer' }), bell, options.dir, answerWaitMs);
}

class WriterThread implements AuditWriterHandle {
  readonly died: Promise<string>;
  readonly #worker: Worker;
  readonly #bell: SharedArrayBuffer;
  readonly #ringer: Ringer;
  readonly #dir: string;
  readonly #listeners: ((health: AuditHealth) => void)[] = [];
  readonly #asked = new Map<number, (status: AuditStatus) => void>();
  readonly #ended: Promise<void>;
  #nextId = 1;
  #closing = false;
  #end: AuditHealth | undefined;
  #lastStatus: AuditStatus | undefined;
  readonly #answerWaitMs: number;

  constructor(worker: Worker, bell: SharedArrayBuffer, dir: string, answerWaitMs: number) {
    this.#answerWaitMs = answerWaitMs;
    this.#worker = worker;
    this.#bell = bell;
    this.#ringer = new Ringer(bell);
    this.#dir = dir;
    worker.on('message', (message: FromWriterThread) => {
      this.#receive(message);
    });
    let fault = '';
    worker.on('error', (error: Error) => {
      fault = `: ${error.message}`;
    });
    let tellDied: (because: string) => void = () => undefined;
    this.died = new Promise((resolve) => {
      tellDied = resolve;
    });
    this.#ended = new Promise((resolve) => {
      worker.on('exit', () => {
        const because = this.#closing ? 'the audit writer has stopped' : `the audit writer thread ended${fault}`;
        this.#finish(because);
        if (!this.#closing) tellDied(because);
        resolve();
      });
    });
  }

  connect(): AuditConnection {
    const { here, there } = connection(this.#bell);
    if (this.#end === undefined) this.#tell({ kind: 'connect', connection: there });
    else there.port.close();
    return here;
  }

  status(): Promise<AuditStatus> {
    if (this.#end !== undefined) return Promise.resolve(this.#endedStatus(this.#end));
    const id = this.#nextId++;
    const last = this.#lastStatus; // the first comes after the log was read, which takes as long as it takes
    return new Promise((resolve) => {
      const wait = last === undefined ? undefined : setTimeout(() => {
        this.#asked.delete(id);
        resolve({ ...last, healthy: false, because: 'the audit writer does not answer: its disk may stand still' });
      }, this.#answerWaitMs);
      this.#asked.set(id, (status) => {
        clearTimeout(wait);
        resolve(status);
      });
      this.#tell({ kind: 'status', id });
    });
  }

  async close(): Promise<void> {
    if (this.#end === undefined && !this.#closing) {
      this.#closing = true;
      this.#tell({ kind: 'close' });
    }
    await this.#ended;
  }

  onHealth(listener: (health: AuditHealth) => void): void {
    this.#listeners.push(listener);
  }

  #tell(message: ToWriterThread): void {
    this.#worker.postMessage(message, message.kind === 'connect' ? [message.connection.port] : []);
    this.#ringer.call();
  }

  #receive(message: FromWriterThread): void {
    if (message.kind === 'status') {
      this.#lastStatus = message.status;
      this.#asked.get(message.id)?.(message.status);
      this.#asked.delete(message.id);
    } else {
      for (const listener of this.#listeners) listener({ healthy: message.healthy, because: message.because });
    }
  }

  #finish(because: string): void {
    this.#end = { healthy: false, because };
    for (const listener of this.#listeners) listener(this.#end);
    for (const resolve of this.#asked.values()) resolve(this.#endedStatus(this.#end));
    this.#asked.clear();
  }

  #endedStatus(end: AuditHealth): AuditStatus {
    return { ...end, seq: 0, lastHash: GENESIS_HASH, file: this.#dir, unresolved: 0 };
  }
}
