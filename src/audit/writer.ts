// The one writer: collects lines of all lanes, commits them together, answers each lane, and fails closed while the disk does.
// Group commit, clocked by the disk and the senders: lines gather while a commit is under way, and while whoever sent them is too busy to look at its answers.
import type { MessagePort } from 'node:worker_threads';
import { CHAIN_START } from './chain-end.js';
import { CURRENT_NAME } from './chain-files.js';
import type { CommitBuffer } from './commit-buffer.js';
import type { Disk } from './file-writer.js';
import { FileWriter } from './file-writer.js';
import { join } from 'node:path';
import { LaneReceiver } from './lane.js';
import type { AuditHealth, AuditStatus, AuditWriterOptions, FromWriter } from './protocol.js';
import { NUDGE } from './protocol.js';
import { eventLine } from './record.js';
import type { OpenLine } from './types.js';

// An idle disk answers one line at once. A commit costs as much CPU as thirty lines (fdatasync, two threads woken), so under load more lines share one.
const INTERVAL_MS_MIN = 0.5;
const ASKED_MS_MIN = 0.1; // who asks has nothing else to do, so that its time costs nothing
const INTERVAL_MS_MAX = 1.5; // a line waits half of it on average, 0.5 ms more than at the least
const INTERVAL_GROWTH = 1.5;
const BUSY_LINES = 4; // so many lines in one commit are load
const MANY_LINES = 12; // after so many a commit waits until a sender asks for it
const UNASKED_MS_MAX = 4; // but no longer than this
const ASYNC_MS = 10; // no call waits: at 2,400 calls/s on one core a commit every 0.5 to 1.5 ms took 74 µs a call of it, this one 22 (measured 2026-11-29)
const COMMIT_LINE_BYTES_MAX = 1024 * 1024; // with a last line of 1 Mi characters at 3 bytes each, it stays below COMMIT_BYTES_MAX
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

interface Lane {
  readonly port: MessagePort;
  readonly receiver: LaneReceiver;
  /** Its other side has ended: it goes once it is empty. */
  ended: boolean;
}

function say(port: MessagePort, message: FromWriter): void {
  port.postMessage(message);
}

export class AuditWriter {
  readonly #options: AuditWriterOptions;
  readonly #around: WriterSurroundings;
  /** The one that is served next comes first. */
  #lanes: readonly Lane[] = [];
  readonly #listeners: ((health: AuditHealth) => void)[] = [];
  #file: FileWriter | undefined;
  /** Lines of the recovery and the start event; committed before any other. */
  #first: readonly OpenLine[] = [];
  #health: AuditHealth = { healthy: false, because: 'the audit log is not open yet' };
  #failedLines = 0;
  #failedSinceMs = 0;
  #lastCommitMs = -Infinity;
  #lastCommitLines = 0;
  #intervalMs = INTERVAL_MS_MIN;
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
      this.#fail(error);
    }
  }

  connect(port: MessagePort, lane: SharedArrayBuffer): void {
    this.#lanes = [...this.#lanes, { port, receiver: new LaneReceiver(lane), ended: false }];
    say(port, { kind: 'health', ...this.#health });
  }

  /** What came before is still written. */
  disconnect(port: MessagePort): void {
    for (const lane of this.#lanes) if (lane.port === port) lane.ended = true;
    this.#forgetEnded();
  }

  get healthy(): boolean {
    return this.#health.healthy;
  }

  /** True when `turn` has something to do, now or when the interval is over. */
  get waiting(): boolean {
    return !this.#closed && this.#lanes.some(({ receiver }) => receiver.waiting);
  }

  /** At most one commit, or refusals. `hurried`: a sender asked for it. Returns in how many ms the next turn is due: 0 now, Infinity when lines come. */
  turn(hurried = false): number {
    if (!this.waiting) return Infinity;
    if (!this.#health.healthy) {
      this.#refuseAll();
      return Infinity;
    }
    const leftMs = (hurried ? ASKED_MS_MIN : this.#gatherMs) - (this.#around.steadyMs() - this.#lastCommitMs);
    if (leftMs > 0) return leftMs;
    this.#commit();
    return this.waiting ? 0 : Infinity;
  }

  get #gatherMs(): number {
    if (this.#options.durability === 'async') return ASYNC_MS;
    return this.#lastCommitLines >= MANY_LINES ? UNASKED_MS_MAX : this.#intervalMs;
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
    while (this.#health.healthy && this.waiting) this.#commit();
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
    this.#refuseAll();
    this.#file?.close();
    for (const { port } of this.#lanes) port.close();
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

  #commit(): void {
    if (this.#file === undefined) return;
    this.#lastCommitMs = this.#around.steadyMs();
    let lines: number;
    try {
      lines = this.#file.commitFrom((commit) => this.#fill(commit));
    } catch (error) {
      this.#file.cutBack();
      this.#fail(error);
      this.#refuseAll();
      return;
    }
    this.#lastCommitLines = lines;
    for (const lane of this.#lanes) this.#show(lane);
    // Nothing came during the commit: whoever is in flight may have waited for it, and gathering longer would keep all of them.
    const more = lines >= BUSY_LINES && this.waiting;
    this.#intervalMs = more ? Math.min(INTERVAL_MS_MAX, this.#intervalMs * INTERVAL_GROWTH) : INTERVAL_MS_MIN;
    this.#forgetEnded();
  }

  /** Takes lines off the lanes, up to the bounds of one commit; each lane's lines stay together and in order. */
  #fill(commit: CommitBuffer): void {
    for (const { receiver } of this.#lanes) receiver.rewind();
    const served = this.#lanes.findIndex(({ receiver }) => {
      receiver.sealInto(commit, COMMIT_LINE_BYTES_MAX);
      return commit.bytes >= COMMIT_LINE_BYTES_MAX;
    });
    // The lane that was served last goes to the end of the line, so that one busy thread starves no other.
    if (served >= 0) this.#lanes = [...this.#lanes.slice(served + 1), ...this.#lanes.slice(0, served + 1)];
  }

  #fail(error: unknown): void {
    const cause = error instanceof Error ? error : new Error(String(error));
    const code = (cause as NodeJS.ErrnoException).code;
    if (this.#failedSinceMs === 0 || this.#health.healthy) this.#failedSinceMs = this.#around.steadyMs();
    this.#setHealth({ healthy: false, because: explainFailure(join(this.#options.dir, CURRENT_NAME), cause.message, code) });
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      if (!this.#closed) this.open();
    }, this.#options.retryMs ?? RETRY_MS);
  }

  /** The reason is the health that was posted last. */
  #refuseAll(): void {
    for (const lane of this.#lanes) {
      this.#failedLines += lane.receiver.refuse();
      this.#show(lane);
    }
    this.#forgetEnded();
  }

  #show({ port, receiver }: Lane): void {
    if (receiver.publish()) say(port, NUDGE);
  }

  #forgetEnded(): void {
    if (this.#lanes.some(({ ended }) => ended)) this.#lanes = this.#lanes.filter(({ ended, receiver }) => !ended || receiver.waiting);
  }

  #setHealth(health: AuditHealth): void {
    if (health.healthy === this.#health.healthy && health.because === this.#health.because) return;
    this.#health = health;
    for (const { port } of this.#lanes) say(port, { kind: 'health', ...health });
    for (const listener of this.#listeners) listener(health);
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full: free space there.',
  EDQUOT: 'The disk quota is used up: free space there.',
  EROFS: 'The file system is read-only: mount it writable, or choose another audit.dir.',
  EACCES: 'Let the gateway\'s user write there, or choose another audit.dir.',
  EPERM: 'Let the gateway\'s user write there, or choose another audit.dir.',
  ENOENT: 'A folder of that path is missing and could not be made: put it back, or choose another audit.dir.',
  EEXIST: 'It is no folder: choose another audit.dir.',
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
