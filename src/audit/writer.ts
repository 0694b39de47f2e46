// The one writer: collects lines of all ports, commits them together, answers each port, and fails closed while the disk does.
// Group commit, self-clocked: a commit starts when the last one ended, at most one per COMMIT_INTERVAL_MS; meanwhile lines gather.
import type { MessagePort } from 'node:worker_threads';
import { receiveMessageOnPort } from 'node:worker_threads';
import { CHAIN_START } from './chain-end.js';
import { CURRENT_NAME } from './chain-files.js';
import type { Disk } from './file-writer.js';
import { FileWriter } from './file-writer.js';
import { join } from 'node:path';
import type { AuditHealth, AuditStatus, AuditWriterOptions, FromWriter, ToWriter } from './protocol.js';
import { eventLine } from './record.js';
import type { OpenLine, SealedLine } from './types.js';

const COMMIT_INTERVAL_MS = 0.5; // an idle disk answers one line at once; a busy one gets more lines per fdatasync, and fewer wake-ups of two threads
const COMMIT_CHARS_MAX = 1024 * 1024; // with a last line of 1 Mi characters at 3 bytes each it stays below COMMIT_BYTES_MAX
const RETRY_MS = 1_000;

export interface WriterSurroundings {
  readonly disk: Disk;
  /** Microseconds since the epoch. */
  nowUs(): number;
  /** Milliseconds, monotonic. */
  steadyMs(): number;
  /** Blocks this thread. */
  pauseMs(ms: number): void;
  readonly pid: number;
}

interface Waiting {
  readonly lines: readonly OpenLine[];
  taken: number;
}

interface Share {
  readonly port: MessagePort;
  readonly lines: OpenLine[];
  messages: number;
}

function isAppend(message: unknown): message is ToWriter {
  return typeof message === 'object' && message !== null && (message as ToWriter).kind === 'append' && Array.isArray((message as ToWriter).lines);
}

function say(port: MessagePort, message: FromWriter): void {
  port.postMessage(message);
}

export class AuditWriter {
  readonly #options: AuditWriterOptions;
  readonly #around: WriterSurroundings;
  readonly #queues = new Map<MessagePort, Waiting[]>();
  readonly #listeners: ((health: AuditHealth) => void)[] = [];
  #file: FileWriter | undefined;
  /** Lines of the recovery and the start event; committed before any other. */
  #first: readonly OpenLine[] = [];
  #health: AuditHealth = { healthy: false, because: 'the audit log is not open yet' };
  #failedLines = 0;
  #failedSinceMs = 0;
  #lastCommitMs = -Infinity;
  #scheduled = false;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: AuditWriterOptions, around: WriterSurroundings) {
    this.#options = options;
    this.#around = around;
  }

  /** Opens the log and goes on with its chain. Never throws: a log that can't be opened is tried again and again, and refused meanwhile. */
  open(): void {
    try {
      this.#openFile();
    } catch (error) {
      this.#fail(error, 0);
    }
  }

  connect(port: MessagePort): void {
    this.#queues.set(port, []);
    port.on('message', (message: unknown) => {
      this.#take(port, message);
    });
    port.on('close', () => this.#queues.delete(port));
    say(port, { kind: 'health', ...this.#health });
  }

  status(): AuditStatus {
    const end = this.#file?.end ?? CHAIN_START;
    return { ...this.#health, seq: end.seq, lastHash: end.hash, file: join(this.#options.dir, CURRENT_NAME), unresolved: this.#file?.unresolved ?? 0 };
  }

  onHealth(listener: (health: AuditHealth) => void): void {
    this.#listeners.push(listener);
  }

  /** Commits what has arrived, then the stop event. */
  close(): void {
    if (this.#closed) return;
    while (this.#health.healthy && this.#drain() > 0) this.#commit();
    if (this.#health.healthy && this.#file !== undefined) {
      try {
        this.#file.commit([eventLine(this.#around.nowUs(), 'stop', { pid: this.#around.pid, open_intents: this.#file.openIntents() })]);
      } catch {
        this.#file.cutBack(); // the chain is whole without it; the next start only looks further back
      }
    }
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#setHealth({ healthy: false, because: 'the audit writer has stopped' });
    this.#refuseAll('the audit writer has stopped');
    this.#file?.close();
    for (const port of this.#queues.keys()) port.close();
  }

  #openFile(): void {
    const { dir, fileBytesMax } = this.#options;
    if (this.#file === undefined) {
      this.#file = new FileWriter({ dir, fileBytesMax, nowUs: () => this.#around.nowUs(), disk: this.#around.disk });
      this.#first = [...this.#file.recovered, eventLine(this.#around.nowUs(), 'start', { pid: this.#around.pid, ...this.#options.start })];
    } else {
      this.#file.recover();
    }
    this.#commitFirst(this.#file);
    this.#setHealth({ healthy: true, because: this.#file.torn === undefined ? '' : `a torn tail of ${this.#file.torn.bytes} bytes was moved to ${this.#file.torn.movedTo}` });
  }

  // The line that says so is also the proof that the disk takes lines again.
  #commitFirst(file: FileWriter): void {
    const lines = [...this.#first];
    if (this.#failedLines > 0) {
      const forMs = Math.round(this.#around.steadyMs() - this.#failedSinceMs);
      lines.push(eventLine(this.#around.nowUs(), 'audit_recovered', { because: this.#health.because, refused_lines: this.#failedLines, for_ms: forMs }));
    }
    if (lines.length > 0) file.commit(lines);
    this.#first = [];
    this.#failedLines = 0;
  }

  #take(port: MessagePort, message: unknown): void {
    if (!isAppend(message)) return;
    this.#queues.get(port)?.push({ lines: message.lines, taken: 0 });
    if (!this.#health.healthy) this.#refuseAll(this.#health.because);
    else this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#closed || !this.#health.healthy) return;
      const early = this.#lastCommitMs + COMMIT_INTERVAL_MS - this.#around.steadyMs();
      if (early > 0) this.#around.pauseMs(early);
      this.#drain();
      if (this.#commit()) this.#schedule();
    });
  }

  /** Takes what arrived while this thread was busy; how many messages wait. */
  #drain(): number {
    let waiting = 0;
    for (const [port, queue] of this.#queues) {
      for (let got = receiveMessageOnPort(port); got !== undefined; got = receiveMessageOnPort(port)) {
        const message: unknown = got.message;
        if (isAppend(message)) queue.push({ lines: message.lines, taken: 0 });
      }
      waiting += queue.length;
    }
    return waiting;
  }

  /** One commit; true if lines are left for the next. */
  #commit(): boolean {
    const { shares, left } = this.#share();
    if (shares.length === 0 || this.#file === undefined) return false;
    this.#lastCommitMs = this.#around.steadyMs();
    let sealed: SealedLine[];
    try {
      sealed = this.#file.commit(shares.flatMap((share) => share.lines));
    } catch (error) {
      this.#file.cutBack();
      this.#fail(error, 0);
      for (const { port, lines, messages } of shares) this.#refuse(port, lines.length, messages, this.#health.because);
      this.#refuseAll(this.#health.because);
      return false;
    }
    let from = 0;
    for (const { port, lines, messages } of shares) {
      const own = sealed.slice(from, from + lines.length);
      from += lines.length;
      say(port, { kind: 'durable', count: own.length, messages, firstSeq: own[0]?.seq ?? 0, hashes: own.map((line) => line.hash).join('') });
    }
    return left;
  }

  /** Takes lines off the queues, up to the bounds of one commit; each port's lines stay together and in order. */
  #share(): { readonly shares: readonly Share[]; readonly left: boolean } {
    const shares: Share[] = [];
    let chars = 0;
    for (const [port, queue] of this.#queues) {
      const share: Share = { port, lines: [], messages: 0 };
      let waiting = queue[0];
      while (waiting !== undefined && chars < COMMIT_CHARS_MAX) {
        const line = waiting.lines[waiting.taken];
        if (line !== undefined) {
          share.lines.push(line);
          chars += line.length;
          waiting.taken += 1;
        }
        if (waiting.taken >= waiting.lines.length) {
          queue.shift();
          share.messages += 1;
          waiting = queue[0];
        }
      }
      if (share.messages > 0 || share.lines.length > 0) shares.push(share);
      if (chars >= COMMIT_CHARS_MAX) {
        // The port that was served last goes to the end of the line, so that one busy thread starves no other.
        this.#queues.delete(port);
        this.#queues.set(port, queue);
        return { shares, left: true };
      }
    }
    return { shares, left: false };
  }

  #fail(error: unknown, delayMs: number): void {
    const cause = error instanceof Error ? error : new Error(String(error));
    const code = (cause as NodeJS.ErrnoException).code;
    if (this.#failedSinceMs === 0 || this.#health.healthy) this.#failedSinceMs = this.#around.steadyMs();
    this.#setHealth({ healthy: false, because: explainFailure(join(this.#options.dir, CURRENT_NAME), cause.message, code) });
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      if (!this.#closed) this.open();
    }, delayMs > 0 ? delayMs : this.#options.retryMs ?? RETRY_MS);
  }

  #refuseAll(because: string): void {
    this.#drain();
    for (const [port, queue] of this.#queues) {
      const count = queue.reduce((sum, waiting) => sum + waiting.lines.length - waiting.taken, 0);
      const messages = queue.length;
      queue.length = 0;
      if (messages > 0) this.#refuse(port, count, messages, because);
    }
  }

  #refuse(port: MessagePort, count: number, messages: number, because: string): void {
    this.#failedLines += count;
    say(port, { kind: 'failed', count, messages, because });
  }

  #setHealth(health: AuditHealth): void {
    if (health.healthy === this.#health.healthy && health.because === this.#health.because) return;
    this.#health = health;
    for (const port of this.#queues.keys()) say(port, { kind: 'health', ...health });
    for (const listener of this.#listeners) listener(health);
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full: free space there.',
  EDQUOT: 'The disk quota is used up: free space there.',
  EROFS: 'The file system is read-only: mount it writable, or choose another audit.dir.',
  EACCES: 'Let the gateway\'s user write there, or choose another audit.dir.',
  EPERM: 'Let the gateway\'s user write there, or choose another audit.dir.',
  ENOTDIR: 'A part of that path is a file: choose another audit.dir.',
  ELOOP: 'It is a symbolic link, which the audit log must not be: move it aside.',
  EFBIG: 'The file may not grow further: raise the process\'s file size limit, or lower audit.file_bytes_max.',
  EIO: 'The disk reports an error: see the system\'s log.',
};

function explainFailure(path: string, message: string, code: string | undefined): string {
  const text = message.includes(path) || message.includes('/') ? message : `${path}: ${message}`;
  const remedy = code === undefined ? undefined : REMEDIES[code];
  return `${code === undefined ? text : `${path}: ${message}`}${remedy === undefined ? '' : `. ${remedy} Calls are refused until a write succeeds; it is tried again every second.`}`;
}
