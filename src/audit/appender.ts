// A gateway thread's side of the audit log: lines go into shared memory as they come, the writer is woken once a turn if it sleeps; what waits is bounded.
import type { MessagePort } from 'node:worker_threads';
import { receiveMessageOnPort } from 'node:worker_threads';
import { Ringer } from './bell.js';
import { LINE_CHARS_MAX, LaneSender } from './lane.js';
import type { AuditConnection, FromWriter, ToWriter } from './protocol.js';
import { NUDGE } from './protocol.js';
import { requestLine, type RequestLineFacts } from './record.js';
import { createRequestLines } from './request-lines.js';
import type { AuditAppender, Done, OpenLine, SealedLine } from './types.js';

const DONE_WITH_SEAL_ARGUMENTS = 2; // who declares fewer can't look at the seal, and it isn't carried over

export interface AppenderOptions {
  /** audit.queue_lines_max: lines without an answer; above it `append` refuses. */
  readonly queueLinesMax: number;
  /** `async` calls `done` at once, without a seal; lines are still bounded and failures still stop the thread. */
  readonly durability: 'group' | 'async';
  /** Every line is worth a commit of its own: there are few, and each is waited for, however long the writer lets those of others gather. */
  readonly hurries?: boolean;
}

const ANSWERED_KEPT_MAX = 4096;

/** Worth a commit, though there would be more: about forty lines. Were all calls in flight to wait for one, nothing would be done while the disk works. */
const COMMIT_BYTES = 64 * 1024;

/** So many turns of the event loop in a row without a new line: nothing is under way but what waits for the disk. One turn may bring only requests, or only what tool servers send. */
const QUIET_TURNS = 3;
/** With `async` nobody waits for an answer: so many are left lying before they are taken. */
const UNTAKEN_LINES_MAX = 256; // more than gather for one commit

const NOBODY: Done = () => undefined;

export function openAppender(connection: AuditConnection, options: AppenderOptions): AuditAppender {
  return new LaneAppender(connection, options);
}

// A listener's fault must not keep the lines behind it from their answers; it still surfaces as the thread's own fault.
function answer(done: Done, error: Error | undefined, sealed: SealedLine | undefined): void {
  try {
    done(error, sealed);
  } catch (fault) {
    queueMicrotask(() => {
      throw fault;
    });
  }
}

function wantsSeal(done: Done | undefined): boolean {
  return done !== undefined && done.length >= DONE_WITH_SEAL_ARGUMENTS;
}

class LaneAppender implements AuditAppender {
  readonly #port: MessagePort;
  readonly #lane: LaneSender;
  readonly #writer: Ringer;
  readonly #queueLinesMax: number;
  readonly #async: boolean;
  readonly #hurries: boolean;
  readonly #requestLines = createRequestLines();
  /** In the order of their lines; those before #answered are done with. */
  #waiting: Done[] = [];
  #answered = 0;
  /** The last of those waiting: lines that found no room in the lane. */
  #queue: OpenLine[] = [];
  #scheduled = false;
  /** What waited at the end of the turn before. */
  #heard = -1;
  #quietTurns = 0;
  #healthy = true; // until the writer says otherwise: nothing counts as written before it answers
  #because = '';
  #lastFailure = 'the audit log is failing';
  #closed = false;
  #closing: Promise<void> | undefined;
  #drained: (() => void) | undefined;

  constructor({ port, lane, bell }: AuditConnection, options: AppenderOptions) {
    this.#port = port;
    this.#lane = new LaneSender(lane);
    this.#writer = new Ringer(bell);
    this.#queueLinesMax = options.queueLinesMax;
    this.#async = options.durability === 'async';
    this.#hurries = options.hurries ?? false;
    port.on('message', (message: FromWriter) => {
      this.#take(message);
      this.#settle();
    });
    port.on('close', () => {
      this.#lose(this.#closed ? 'the appender is closed' : 'the audit writer has ended');
    });
  }

  get healthy(): boolean {
    return this.#healthy && !this.#closed && this.#pending() < this.#queueLinesMax;
  }

  get because(): string {
    if (!this.#healthy) return this.#because;
    if (this.#closed) return 'the appender is closed';
    return this.#pending() < this.#queueLinesMax ? '' : `${this.#queueLinesMax} lines wait for the disk (audit.queue_lines_max)`;
  }

  append(line: OpenLine, done: Done): void {
    if (!this.healthy) {
      answer(done, new Error(this.because), undefined);
      return;
    }
    if (line.length > LINE_CHARS_MAX || !line.startsWith('{"type":"') || line.includes('\n')) {
      answer(done, new Error('not an audit line'), undefined);
      return;
    }
    const waits = this.#async ? NOBODY : done;
    if (this.#queue.length > 0 || !this.#lane.send(line, wantsSeal(waits))) this.#queue.push(line);
    this.#sent(done, waits);
  }

  appendRequest(facts: RequestLineFacts, done: Done): void {
    const waits = this.#async ? NOBODY : done;
    if (this.healthy && this.#queue.length === 0 && this.#requestLines !== undefined && this.#lane.sendRequest(this.#requestLines, facts, wantsSeal(waits))) this.#sent(done, waits);
    else this.append(requestLine(facts), done);
  }

  close(): Promise<void> {
    this.#closing ??= this.#drain();
    return this.#closing;
  }

  async #drain(): Promise<void> {
    this.#closed = true;
    this.#listenAndSettle();
    if (this.#pending() > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
    this.#port.close();
  }

  #sent(done: Done, waits: Done): void {
    this.#waiting.push(waits);
    if (this.#async && this.#mustListen()) this.#settle();
    if (this.#async && this.#mustListen()) this.#makeRoom();
    this.#wakeWriter();
    if (this.#async) answer(done, undefined, undefined);
  }

  /** Whether a message at the next answer is worth what it costs this thread: somebody waits for it, or for its room. */
  #mustListen(): boolean {
    return !this.#async || this.#closed || this.#queue.length > 0 || this.#pending() >= Math.min(UNTAKEN_LINES_MAX, this.#queueLinesMax / 2);
  }

  /** For a sender that may have let answers lie: those that are there are taken, and a message comes with the next. */
  #listenAndSettle(): void {
    this.#lane.listen();
    this.#settle();
  }

  /** This very turn may bring more lines than there is room for: the writer begins before it ends. */
  #makeRoom(): void {
    this.#listenAndSettle();
    this.#writer.ask();
    if (this.#writer.asleep) this.#ring();
  }

  #ring(): void {
    if (this.#writer.ring()) this.#port.postMessage(NUDGE satisfies ToWriter);
  }

  #pending(): number {
    return this.#waiting.length - this.#answered;
  }

  // At the end of the turn, so that its lines share a commit. A writer that is awake looks into the lane before it sleeps.
  #wakeWriter(): void {
    if (this.#scheduled || (!this.#mustListen() && !this.#writer.asleep)) return;
    this.#heard = -1;
    this.#nextTurn();
  }

  #nextTurn(): void {
    this.#scheduled = true;
    setImmediate(afterTurn, this);
  }

  /** @internal */
  turnEnded(): void {
    this.#scheduled = false;
    const bytes = this.#lane.unansweredBytes;
    if (bytes === 0) return;
    // One that is rung awake lets lines gather, too, unless it was asked before.
    if (this.#async ? this.#mustListen() : this.#hurries) this.#writer.ask();
    if (this.#writer.asleep) return this.#ring();
    if (this.#async || this.#hurries) return;
    // More may come with the next turn; some in a row in which nothing does show that this thread only waits.
    this.#quietTurns = bytes === this.#heard ? this.#quietTurns + 1 : 0;
    this.#heard = bytes;
    if (this.#quietTurns >= QUIET_TURNS || (bytes >= COMMIT_BYTES && this.#writer.gathers)) this.#writer.ask();
    else this.#nextTurn();
  }

  #take(message: FromWriter): void {
    if (message === NUDGE) {
      if (this.#mustListen()) this.#lane.listen();
      return;
    }
    this.#healthy = message.healthy;
    this.#because = message.because;
    if (!message.healthy) this.#lastFailure = message.because;
  }

  #settle(): void {
    for (let taken = this.#lane.take(); taken !== undefined; taken = this.#lane.take()) {
      if (taken.durable) {
        this.#answerNext(undefined, taken.sealed);
        continue;
      }
      // Why it failed was posted before its outcome could be seen, but may not have been read yet.
      for (let got = receiveMessageOnPort(this.#port); got !== undefined; got = receiveMessageOnPort(this.#port)) this.#take(got.message as FromWriter);
      this.#answerNext(new Error(this.#lastFailure), undefined);
    }
    this.#refill();
    if (this.#pending() === 0) this.#drained?.();
    else this.#wakeWriter(); // for what has come meanwhile
  }

  #refill(): void {
    let sent = 0;
    for (const line of this.#queue) {
      if (!this.#lane.send(line, wantsSeal(this.#waiting[this.#waiting.length - this.#queue.length + sent]))) break;
      sent += 1;
    }
    if (sent === 0) return;
    this.#queue = this.#queue.slice(sent);
    this.#wakeWriter();
  }

  #answerNext(error: Error | undefined, sealed: SealedLine | undefined): void {
    const done = this.#waiting[this.#answered];
    this.#waiting[this.#answered] = NOBODY; // an answered request must not be kept alive by its place in the row
    this.#answered += 1;
    // Forgetting answered entries in runs keeps an append at constant cost.
    if (this.#answered === this.#waiting.length || this.#answered > ANSWERED_KEPT_MAX) {
      this.#waiting = this.#waiting.slice(this.#answered);
      this.#answered = 0;
    }
    if (done !== undefined && done !== NOBODY) answer(done, error, sealed);
  }

  #lose(because: string): void {
    this.#healthy = false;
    this.#because = because;
    this.#settle(); // what the writer made durable before it ended is durable
    this.#queue = [];
    while (this.#pending() > 0) this.#answerNext(new Error(because), undefined);
    this.#drained?.();
  }
}

function afterTurn(appender: LaneAppender): void {
  appender.turnEnded();
}
