// Starts the audit writer: in a thread of its own for the gateway, or in this thread for tools and tests.
import { performance } from 'node:perf_hooks';
import type { MessagePort } from 'node:worker_threads';
import { MessageChannel, Worker } from 'node:worker_threads';
import { GENESIS_HASH } from './hash-chain.js';
import { REAL_DISK } from './file-writer.js';
import type { AuditHealth, AuditStatus, AuditWriterHandle, AuditWriterOptions, FromWriterThread, ToWriterThread } from './protocol.js';
import { AuditWriter } from './writer.js';
import type { WriterSurroundings } from './writer.js';

/** The real clock, disk and process. */
export function realSurroundings(): WriterSurroundings {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  return {
    disk: REAL_DISK,
    nowUs: () => Math.round((performance.timeOrigin + performance.now()) * 1000),
    steadyMs: () => performance.now(),
    pauseMs: (ms) => void Atomics.wait(cell, 0, 0, ms), // the only sleep below a millisecond; nobody ever notifies
    pid: process.pid,
  };
}

/** Blocks this thread at each commit. */
export function startAuditWriterHere(options: AuditWriterOptions, around: WriterSurroundings = realSurroundings()): AuditWriterHandle {
  const writer = new AuditWriter(options, around);
  writer.open();
  return {
    connect() {
      const { port1, port2 } = new MessageChannel();
      writer.connect(port2);
      return port1;
    },
    status: () => Promise.resolve(writer.status()),
    close: () => {
      writer.close();
      return Promise.resolve();
    },
    onHealth(listener) {
      writer.onHealth(listener);
    },
  };
}

export function spawnAuditWriter(options: AuditWriterOptions, program: URL = new URL('../threads/audit-writer.js', import.meta.url)): AuditWriterHandle {
  return new WriterThread(new Worker(program, { workerData: options, name: 'audit-writer' }), options.dir);
}

class WriterThread implements AuditWriterHandle {
  readonly #worker: Worker;
  readonly #dir: string;
  readonly #listeners: ((health: AuditHealth) => void)[] = [];
  readonly #asked = new Map<number, (status: AuditStatus) => void>();
  readonly #ended: Promise<void>;
  #nextId = 1;
  #closing = false;
  #end: AuditHealth | undefined;

  constructor(worker: Worker, dir: string) {
    this.#worker = worker;
    this.#dir = dir;
    worker.on('message', (message: FromWriterThread) => {
      this.#receive(message);
    });
    let fault = '';
    worker.on('error', (error: Error) => {
      fault = `: ${error.message}`;
    });
    this.#ended = new Promise((resolve) => {
      worker.on('exit', () => {
        this.#finish(this.#closing ? 'the audit writer has stopped' : `the audit writer thread ended${fault}`);
        resolve();
      });
    });
  }

  connect(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    if (this.#end === undefined) this.#worker.postMessage({ kind: 'connect', port: port2 } satisfies ToWriterThread, [port2]);
    else port2.close();
    return port1;
  }

  status(): Promise<AuditStatus> {
    if (this.#end !== undefined) return Promise.resolve(this.#endedStatus(this.#end));
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#asked.set(id, resolve);
      this.#worker.postMessage({ kind: 'status', id } satisfies ToWriterThread);
    });
  }

  async close(): Promise<void> {
    if (this.#end === undefined && !this.#closing) {
      this.#closing = true;
      this.#worker.postMessage({ kind: 'close' } satisfies ToWriterThread);
    }
    await this.#ended;
  }

  onHealth(listener: (health: AuditHealth) => void): void {
    this.#listeners.push(listener);
  }

  #receive(message: FromWriterThread): void {
    if (message.kind === 'status') {
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
