// Splits a stream of bytes into server-sent events (WHATWG HTML, section 9.2.6). Lines are cut as bytes, so that no character is torn.

const CR = 0x0d;
const LF = 0x0a;

export interface SseEvent {
  readonly type: string;
  /** The data lines joined by LF. */
  readonly data: string;
  /** Undefined = the event named none. */
  readonly id: string | undefined;
}

/** Thrown inside the reader; the one who reads says it in his words. */
export class EventTooLarge extends Error {}

/** Events with data, as they are whole. One that the stream's end cuts off is dropped, as the standard wants. */
export async function* readEvents(chunks: AsyncIterable<Uint8Array>, bytesMax: number): AsyncGenerator<SseEvent, void, undefined> {
  const lines = new LineCutter(bytesMax);
  let data: string[] = [];
  let bytes = 0;
  let type = '';
  let id: string | undefined;
  for await (const chunk of chunks) {
    for (const line of lines.cut(chunk)) {
      if (line === '') {
        if (data.length > 0) yield { type: type === '' ? 'message' : type, data: data.join('\n'), id };
        [data, bytes, type, id] = [[], 0, '', undefined];
        continue;
      }
      const colon = line.indexOf(':');
      if (colon === 0) continue; // a comment, such as a keep-alive
      const field = colon === -1 ? line : line.slice(0, colon);
      const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
      if (field === 'data') {
        bytes += value.length + 1; // an empty line is one, too
        if (bytes > bytesMax) throw new EventTooLarge();
        data.push(value);
      } else if (field === 'event') type = value;
      else if (field === 'id' && !value.includes('\0')) id = value;
    }
  }
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
