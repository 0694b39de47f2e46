// One process that is a tool server: what crosses its pipes, and its end, with all that it started.
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import type { Channel, ChannelEvents } from '../duplex/channel.js';
import type { UpstreamFault } from '../types.js';
import { LineReader } from './line-reader.js';
import { onOneLine } from './one-line.js';
import { notStartedText } from './start-process.js';
import { LINE_BYTES_MAX } from './stderr-lines.js';
import { REST_MS, Unasked } from './unasked.js';

const WAITING_BYTES_MAX = 64 * 1024 * 1024; // written and not read by the process yet
/** MCP 2025-11-25, basic/lifecycle: its input is closed, then it is asked, then it is ended. */
export const EOF_GRACE_MS = 1_000;
export const TERM_GRACE_MS = 2_000;
const LF = Buffer.from('\n');
/** For the rest of what it wrote, where something it started holds its pipes for longer. */
const LAST_WORDS_MS = 500;

export interface ChildOptions {
  readonly command: string;
  readonly lineBytesMax: number;
  readonly onStderr: (line: Buffer) => void;
  /** The reader of its messages failed. */
  readonly onFault: (fault: unknown) => void;
  readonly nowMs: () => number;
  readonly after: (ms: number, run: () => void) => () => void;
  /** Once, when the process is gone or could not be started; `reason` is for people. */
  readonly onGone: (child: Child, reason: string) => void;
}

export class Child implements Channel {
  readonly gone: Promise<void>;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #options: ChildOptions;
  readonly #events: ChannelEvents;
  readonly #messages: LineReader;
  readonly #unasked: Unasked;
  #over = false;
  #closing = false;
  #ending = false;
  #cancelGrace: () => void = () => undefined;
  #cancelRest: () => void = () => undefined;

  constructor(started: ChildProcessWithoutNullStreams, options: ChildOptions, events: ChannelEvents) {
    this.#process = started;
    this.#options = options;
    this.#events = events;
    const { stdin, stdout, stderr } = this.#process;
    this.#messages = new LineReader(options.lineBytesMax, (line) => this.#take(line));
    this.#unasked = new Unasked(options.lineBytesMax, options.nowMs);
    const complaints = new LineReader(LINE_BYTES_MAX, options.onStderr);
    stdout.on('data', (chunk: Buffer) => this.#read(chunk));
    stderr.on('data', (chunk: Buffer) => complaints.push(chunk));
    stderr.on('end', () => complaints.end());
    for (const pipe of [stdin, stdout, stderr]) pipe.on('error', () => undefined); // its end is told once, below
    this.gone = new Promise((resolve) => {
      const over = (reason: string): void => {
        if (this.#over) return;
        this.#over = true;
        this.#cancelGrace();
        this.#cancelRest();
        // What it started and the signal did not reach may hold the other ends, and write on for ever.
        for (const pipe of [stdin, stdout, stderr]) pipe.destroy();
        complaints.end();
        options.onGone(this, reason);
        if (!this.#closing) events.onClosed({ kind: 'transport', maybeSent: true, message: reason });
        resolve();
      };
      this.#process.once('error', (fault: NodeJS.ErrnoException) => {
        if (this.#process.pid === undefined) over(notStartedText(options.command, fault.code));
      });
      this.#process.once('exit', (code, signal) => {
        const reason = signal === null ? `it ended with exit code ${code ?? 0}` : `it was ended by ${signal}`;
        this.#cancelGrace();
        this.#signal('SIGKILL'); // what it started and left behind
        this.#process.once('close', () => over(reason));
        this.#cancelGrace = options.after(LAST_WORDS_MS, () => over(reason));
      });
      // Who can't answer any more is of no use.
      stdout.once('end', () => this.#endIt());
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  send(message: Uint8Array, failed: (fault: UpstreamFault) => void): void {
    const { stdin } = this.#process;
    if (this.#over || !stdin.writable || stdin.writableLength + message.length > WAITING_BYTES_MAX) {
      process.nextTick(failed, { kind: 'transport', maybeSent: false, crowdedOut: stdin.writable, message: stdin.writable ? 'too many bytes wait for this server' : 'the server reads no more' } satisfies UpstreamFault);
      return;
    }
    stdin.cork();
    stdin.write(onOneLine(Buffer.from(message)));
    stdin.write(LF);
    process.nextTick(() => stdin.uncork());
  }

  close(): void {
    if (this.#closing || this.#over) return;
    this.#closing = true;
    this.#endIt();
  }

  /** At once: nobody is left who could wait for it. */
  kill(): void {
    this.#signal('SIGKILL');
  }

  #endIt(): void {
    if (this.#ending || this.#over || this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#ending = true;
    this.#process.stdin.end();
    this.#cancelGrace = this.#options.after(EOF_GRACE_MS, () => {
      this.#signal('SIGTERM');
      this.#cancelGrace = this.#options.after(TERM_GRACE_MS, () => this.#signal('SIGKILL'));
    });
  }

  #read(chunk: Buffer): void {
    const { stdout } = this.#process;
    this.#unasked.read(chunk.length);
    if (!this.#closing) this.#messages.push(chunk);
    if (!this.#unasked.takeRest()) return;
    stdout.pause();
    this.#cancelRest = this.#options.after(REST_MS, () => void stdout.resume());
  }

  #take(line: Buffer): void {
    if (this.#closing || this.#over) return;
    try {
      if (this.#events.onMessage(line)) this.#unasked.asked();
      else this.#tooMuch(this.#unasked.unasked());
    } catch (fault) {
      this.#options.onFault(fault); // what one server writes must not end the thread that owns them all
      this.#endIt();
    }
  }

  #tooMuch(reason: string | undefined): void {
    if (reason === undefined || this.#closing) return;
    this.#closing = true;
    this.#process.stdout.destroy();
    this.#events.onClosed({ kind: 'transport', maybeSent: true, message: reason });
    this.#endIt();
  }

  /** To the whole group, so that `npx` and the like leave nothing behind. */
  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#process;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // all of it is gone
    }
  }
}
