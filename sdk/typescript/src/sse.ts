// Splits a stream of bytes into the data of its server-sent events (WHATWG HTML, section 9.2.6). Lines are cut as bytes, so that no character is torn.

const CR = 0x0d;
const LF = 0x0a;
const DATA = 'data:';

/** Thrown inside the reader; the one who reads says it in his words. */
export class EventTooLarge extends Error {}

/** Of each event that has any, as it is whole: its data lines, joined by LF. One that the stream's end cuts off is dropped, as the standard wants. */
export async function* readEventData(chunks: AsyncIterable<Uint8Array>, bytesMax: number): AsyncGenerator<string, void, undefined> {
  const lines = new LineCutter(bytesMax);
  let data: string[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    for (const line of lines.cut(chunk)) {
      if (line === '') {
        if (data.length > 0) yield data.join('\n');
        [data, bytes] = [[], 0];
        continue;
      }
      const value = dataOf(line);
      if (value === undefined) continue;
      bytes += value.length + 1; // an empty line is one, too
      if (bytes > bytesMax) throw new EventTooLarge();
      data.push(value);
    }
  }
}

/** Undefined = a comment, such as a keep-alive, or another field. */
function dataOf(line: string): string | undefined {
  if (!line.startsWith(DATA)) return line === 'data' ? '' : undefined;
  return line.slice(line[DATA.length] === ' ' ? DATA.length + 1 : DATA.length);
}

/** CR, LF and CRLF end a line, also where a chunk ends between the two. */
class LineCutter {
  readonly #bytesMax: number;
  #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #afterCr = false;
  #first = true;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  *cut(chunk: Uint8Array): Generator<string, void, undefined> {
    let from = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (byte === LF && this.#afterCr) {
        this.#afterCr = false;
        from = at + 1;
        continue;
      }
      this.#afterCr = byte === CR;
      if (byte !== CR && byte !== LF) continue;
      yield this.#line(chunk.subarray(from, at));
      from = at + 1;
    }
    if (from < chunk.length) this.#keep(chunk.subarray(from));
  }

  #keep(part: Uint8Array): void {
    this.#keptBytes += part.length;
    if (this.#keptBytes > this.#bytesMax) throw new EventTooLarge();
    this.#kept.push(part.slice());
  }

  #line(end: Uint8Array): string {
    if (this.#keptBytes + end.length > this.#bytesMax) throw new EventTooLarge();
    const text = Buffer.concat([...this.#kept, end]).toString('utf8');
    this.#kept = [];
    this.#keptBytes = 0;
    const isFirst = this.#first;
    this.#first = false;
    return isFirst && text.startsWith('\uFEFF') ? text.slice(1) : text;
  }
}
