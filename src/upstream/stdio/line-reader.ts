// Cuts what a process writes into lines (MCP, basic/transports, stdio: one message a line), each up to a bound: what is longer comes as its first and last bytes.

const LF = 0x0a;
const CR = 0x0d;
const TAIL_BYTES = 256; // enough to find the id in

export class LineReader {
  readonly #bytesMax: number;
  readonly #onLine: (line: Buffer) => void;
  #parts: Buffer[] = [];
  #length = 0;
  /** The last bytes of a line that is too long. */
  #tail: Buffer | undefined;

  /** A line may have `bytesMax` bytes; of a longer one come one more than that and its end, so that whoever counts finds it too large. */
  constructor(bytesMax: number, onLine: (line: Buffer) => void) {
    this.#bytesMax = bytesMax;
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    let from = 0;
    for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, from)) {
      this.#keep(chunk.subarray(from, at));
      from = at + 1;
      this.#deliver();
    }
    if (from < chunk.length) this.#keep(chunk.subarray(from));
  }

  /** The last line of a text that does not end with one. */
  end(): void {
    if (this.#length > 0) this.#deliver();
  }

  #keep(bytes: Buffer): void {
    const room = this.#bytesMax + 1 - this.#length;
    if (room > 0 && bytes.length > 0) {
      const part = bytes.subarray(0, room);
      this.#parts.push(Buffer.from(part)); // the chunk goes back to its pool
      this.#length += part.length;
    }
    if (bytes.length > room) this.#tail = Buffer.concat([this.#tail ?? Buffer.alloc(0), bytes.subarray(Math.max(room, 0)).subarray(-TAIL_BYTES)]).subarray(-TAIL_BYTES);
  }

  #deliver(): void {
    const whole = this.#tail === undefined ? this.#parts : [...this.#parts, this.#tail];
    this.#parts = [];
    this.#length = 0;
    this.#tail = undefined;
    const line = Buffer.concat(whole);
    const text = line.at(-1) === CR ? line.subarray(0, -1) : line;
    if (text.length > 0) this.#onLine(text);
  }
}
