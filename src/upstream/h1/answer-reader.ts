// Reads one answer after another from a connection's bytes, however they are cut: head, body, end, or why it is broken.
import { HeadParser, type AnswerHead } from './answer-head.js';
import { BROKEN, ChunkReader, MORE, STOPPED } from './chunk-reader.js';

const INFORMATIONAL_MAX = 16; // interim answers before the one asked for; a server that sends only those must not hold a call
const CR = 0x0d;
const LF = 0x0a;
const HEAD_END = '\r\n\r\n';
const VERSION_FORM = 'HTTP/1.'; // what every answer begins with: another protocol is told from its first bytes
const FIRST_KEPT_BYTES = 1024;

export interface AnswerReceiver {
  /** Interim answers (1xx) are passed over. False = nothing more is wanted. */
  onAnswerHead(status: number, headers: Readonly<Record<string, string>>): boolean;
  /** Valid until it returns. False = nothing more is wanted. */
  onAnswerBytes(chunk: Buffer): boolean;
}

/** `rest`: the answer ended, and bytes follow: of the next one, or that nobody asked for. `stopped`: its receiver wanted no more. */
export type Progress = 'more' | 'done' | 'rest' | 'broken' | 'stopped';

/** Reads the heads of an origin, and keeps the last: servers repeat it, but for the date and the length, and comparing is cheaper than reading. Exact, for the key is its bytes. */
export class KnownHeads {
  readonly parser: HeadParser;
  #bytes = Buffer.alloc(0);
  #head: AnswerHead | undefined;

  constructor(keepAliveMs: number) {
    this.parser = new HeadParser(keepAliveMs);
  }

  /** The last one's length when it stands at `from`, else 0. */
  lengthAt(bytes: Buffer, from: number, to: number): number {
    const length = this.#bytes.length;
    return length > 0 && to - from >= length && bytes.compare(this.#bytes, 0, length, from, from + length) === 0 ? length : 0;
  }

  head(): AnswerHead | undefined {
    return this.#head;
  }

  remember(bytes: Buffer, from: number, to: number, head: AnswerHead): void {
    if (this.#bytes.length !== to - from) this.#bytes = Buffer.allocUnsafeSlow(to - from);
    this.#bytes.set(bytes.subarray(from, to));
    this.#head = head;
  }
}

export class AnswerReader {
  readonly #headBytesMax: number;
  readonly #receiver: AnswerReceiver;
  readonly #heads: KnownHeads;
  readonly #chunks = new ChunkReader();
  readonly #takeChunk: (chunk: Buffer) => boolean;
  #place: 'head' | 'length' | 'chunked' | 'until_close' = 'head';
  #left = 0;
  #informational = 0;
  #reusableMs = 0;
  #restFrom = 0;
  #fault = '';
  /** An unfinished head. */
  #kept = Buffer.alloc(0);
  #keptLength = 0;

  constructor(receiver: AnswerReceiver, heads: KnownHeads, headBytesMax: number) {
    this.#receiver = receiver;
    this.#heads = heads;
    this.#headBytesMax = headBytesMax;
    this.#takeChunk = (chunk) => receiver.onAnswerBytes(chunk);
  }

  /** Why the last `read` returned `broken`. */
  get fault(): string {
    return this.#fault;
  }

  /** Of the answer whose end was read. */
  get reusableMs(): number {
    return this.#reusableMs;
  }

  /** After `rest`: where the bytes begin that follow the answer. */
  get restFrom(): number {
    return this.#restFrom;
  }

  /** Reads bytes[from, to). After `done` and `rest` the next answer may begin, if one is due; after `broken` and `stopped` the connection is of no use. */
  read(bytes: Buffer, from: number, to: number): Progress {
    return this.#place === 'head' ? this.#readHead(bytes, from, to) : this.#readBody(bytes, from, to);
  }

  /** The server has ended its side: true when this ends the answer. */
  endsHere(): boolean {
    return this.#place === 'until_close';
  }

  #readHead(bytes: Buffer, from: number, to: number): Progress {
    if (this.#keptLength > 0) return this.#continueHead(bytes, from, to);
    const known = this.#heads.lengthAt(bytes, from, to);
    const head = this.#heads.head();
    if (known > 0 && head !== undefined) return this.#takeHead(head, bytes, from + known, to);
    const end = bytes.indexOf(HEAD_END, from, 'latin1');
    if (end === -1 || end + HEAD_END.length > to) return this.#keep(bytes, from, to);
    return this.#parseHead(bytes, from, end + HEAD_END.length, bytes, end + HEAD_END.length, to);
  }

  /** `head[from, headTo)` is a whole one, and the bytes after it are `rest[restFrom, to)`. */
  #parseHead(head: Buffer, from: number, headTo: number, rest: Buffer, restFrom: number, to: number): Progress {
    if (headTo - from > this.#headBytesMax) return this.#break(`the answer's head has more than ${this.#headBytesMax} bytes`);
    const parsed = this.#heads.parser.parse(head, from, headTo);
    if (typeof parsed === 'string') return this.#break(parsed);
    if (parsed.status >= 200) this.#heads.remember(head, from, headTo, parsed);
    return this.#takeHead(parsed, rest, restFrom, to);
  }

  #takeHead(head: AnswerHead, bytes: Buffer, from: number, to: number): Progress {
    if (head.status < 200) {
      this.#informational += 1;
      if (this.#informational > INFORMATIONAL_MAX) return this.#break(`more than ${INFORMATIONAL_MAX} interim answers`);
      return from === to ? 'more' : this.#readHead(bytes, from, to);
    }
    this.#informational = 0;
    this.#reusableMs = head.reusableMs;
    if (head.body !== 'none') this.#place = head.body;
    this.#left = head.length;
    if (head.body === 'chunked') this.#chunks.reset();
    if (!this.#receiver.onAnswerHead(head.status, head.headers)) return 'stopped';
    if (head.body === 'none') return this.#ended(from, to);
    return from === to ? 'more' : this.#readBody(bytes, from, to);
  }

  #readBody(bytes: Buffer, from: number, to: number): Progress {
    if (this.#place === 'chunked') return this.#readChunks(bytes, from, to);
    if (this.#place === 'until_close') return this.#receiver.onAnswerBytes(bytes.subarray(from, to)) ? 'more' : 'stopped';
    const end = Math.min(to, from + this.#left);
    this.#left -= end - from;
    if (this.#left === 0) this.#place = 'head';
    if (!this.#receiver.onAnswerBytes(bytes.subarray(from, end))) return 'stopped';
    return this.#left > 0 ? 'more' : this.#ended(end, to);
  }

  #readChunks(bytes: Buffer, from: number, to: number): Progress {
    const end = this.#chunks.read(bytes, from, to, this.#takeChunk);
    if (end === MORE) return 'more';
    if (end === STOPPED) return 'stopped';
    if (end === BROKEN) return this.#break('the answer\'s chunks are not well-formed');
    this.#place = 'head';
    return this.#ended(end, to);
  }

  #ended(at: number, to: number): Progress {
    this.#restFrom = at;
    return at === to ? 'done' : 'rest';
  }

  /** The head is not whole yet. What can't become one is refused at once, not when its time is up. */
  #keep(bytes: Buffer, from: number, to: number): Progress {
    const before = this.#keptLength;
    this.#append(bytes, from, to);
    if (this.#keptLength > this.#headBytesMax) return this.#break(`the answer's head has more than ${this.#headBytesMax} bytes`);
    return this.#mayBecomeHead(before) ? 'more' : this.#break('the answer is not HTTP/1.1');
  }

  #continueHead(bytes: Buffer, from: number, to: number): Progress {
    const before = this.#keptLength;
    const taken = Math.min(to, from + this.#headBytesMax - before + 1);
    this.#append(bytes, from, taken);
    const end = this.#kept.subarray(0, this.#keptLength).indexOf(HEAD_END, Math.max(0, before - HEAD_END.length + 1), 'latin1');
    if (end === -1) {
      this.#keptLength = before;
      return this.#keep(bytes, from, taken);
    }
    const headTo = end + HEAD_END.length;
    this.#keptLength = 0;
    return this.#parseHead(this.#kept, 0, headTo, bytes, from + headTo - before, to);
  }

  #append(bytes: Buffer, from: number, to: number): void {
    const length = this.#keptLength + to - from;
    if (length > this.#kept.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(length, this.#kept.length * 2, FIRST_KEPT_BYTES));
      grown.set(this.#kept.subarray(0, this.#keptLength));
      this.#kept = grown;
    }
    this.#kept.set(bytes.subarray(from, to), this.#keptLength);
    this.#keptLength = length;
  }

  #mayBecomeHead(from: number): boolean {
    for (let at = from; at < this.#keptLength; at += 1) {
      const byte = this.#kept[at] ?? 0;
      if (at < VERSION_FORM.length && byte !== VERSION_FORM.charCodeAt(at)) return false;
      if (byte === 0 || (at > 0 && (byte === LF) !== (this.#kept[at - 1] === CR))) return false;
    }
    return true;
  }

  #break(fault: string): Progress {
    this.#fault = fault;
    return 'broken';
  }
}
