// Feeds answers to the reader in pieces, and to Node's own parser (llhttp, strict) for comparison.
import { createRequire } from 'node:module';
import { AnswerReader, KnownHeads } from '../../../../src/upstream/h1/answer-reader.js';

export interface Outcome {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** `cut`: its end did not come. `rest` is told apart only when the bytes came in one piece. */
  readonly end: 'whole' | 'broken' | 'cut';
  readonly reusableMs: number;
}

export const HEAD_BYTES_MAX = 4096;
export const KEEP_ALIVE_MS = 4000;

/** `pieces` one after the other, then the server's end. */
export function readAnswer(pieces: readonly Buffer[], heads = new KnownHeads(KEEP_ALIVE_MS)): Outcome {
  const got = { status: 0, headers: {} as Readonly<Record<string, string>>, body: '' };
  const reader = new AnswerReader({
    onAnswerHead: (status, headers) => { Object.assign(got, { status, headers: { ...headers } }); return true; },
    onAnswerBytes: (chunk) => { got.body += chunk.toString('latin1'); return true; },
  }, heads, HEAD_BYTES_MAX);
  const shared = Buffer.alloc(64 * 1024, 'HTTP/1.1 200 OK\r\n\r\n'); // what an earlier read left must never be read again
  for (const piece of pieces) {
    if (piece.length === 0) continue;
    piece.copy(shared);
    const progress = reader.read(shared, 0, piece.length);
    if (progress === 'done' || progress === 'rest') return { ...got, end: 'whole', reusableMs: progress === 'done' ? reader.reusableMs : 0 };
    if (progress === 'broken') return { ...got, end: 'broken', reusableMs: 0 };
  }
  return { ...got, end: reader.endsHere() ? 'whole' : 'cut', reusableMs: 0 };
}

interface Llhttp {
  initialize(kind: number, resource: object): void;
  execute(bytes: Buffer): number | Error;
  finish(): Error | undefined;
  [callback: number]: (...given: never[]) => unknown;
}
type LlhttpClass = (new () => Llhttp) & Record<'RESPONSE' | 'kOnHeaders' | 'kOnHeadersComplete' | 'kOnBody' | 'kOnMessageComplete', number>;
const { HTTPParser } = createRequire(import.meta.url)('_http_common') as { HTTPParser: LlhttpClass };

export interface Reference {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The first answer that is not an interim one, as llhttp reads it, as far as it comes: `whole` where its end was read. Status 0 = no head was. */
export function llhttpReads(bytes: Buffer): Reference & { readonly end: 'whole' | 'cut' } {
  let list: string[] = [];
  let found = { status: 0, headers: {} as Record<string, string>, body: '', end: 'cut' as 'whole' | 'cut' };
  const isOpen = (): boolean => found.status >= 200 && found.end === 'cut';
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.RESPONSE, {});
  parser[HTTPParser.kOnHeaders] = (more: readonly string[]) => void list.push(...more);
  parser[HTTPParser.kOnHeadersComplete] = (_major: number, _minor: number, more: readonly string[] | undefined, _method: unknown, _url: unknown, status: number) => {
    if (found.end === 'cut') found = { ...found, status, headers: joined([...list, ...(more ?? [])]) };
    return 0;
  };
  parser[HTTPParser.kOnBody] = (chunk: Buffer) => { if (isOpen()) found.body += chunk.toString('latin1'); };
  parser[HTTPParser.kOnMessageComplete] = () => {
    list = []; // else trailers would be the next answer's
    if (isOpen()) found.end = 'whole';
  };
  const read = parser.execute(bytes);
  if (typeof read === 'number') parser.finish();
  return found;
}

/** The same, where it is whole. */
export function readByLlhttp(bytes: Buffer): Reference | undefined {
  const { status, headers, body, end } = llhttpReads(bytes);
  return end === 'whole' ? { status, headers, body } : undefined;
}

function joined(list: readonly string[]): Record<string, string> {
  const headers = Object.create(null) as Record<string, string>;
  for (let at = 0; at + 1 < list.length; at += 2) {
    const name = list[at]?.toLowerCase() ?? '';
    const value = list[at + 1] ?? '';
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return { ...headers };
}
