// Which intents still wait for their request line. Kept while writing; rebuilt at a start from the last point that names them.
import type { OpenFile } from './chain-files.js';
import { readLink } from './hash-chain.js';
import type { LineObject } from './line-members.js';
import { decisionIdIn, objectMember, parseLine, textMember } from './line-members.js';
import { linesBackward, linesForward } from './lines.js';
import type { UnresolvedLineFacts } from './record.js';

const OPEN_MAX = 100_000; // calls in flight on one machine; more would be a leak, and the oldest is let go

// Nearly every line is a request's while no intent is open: one byte tells.
const TYPE_AT = '{"type":"'.length;
const FIRST_OF_INTENT = 0x69;
const FIRST_OF_REQUEST = 0x72;
const FIRST_OF_UNRESOLVED = 0x75;

function startsWith(line: Buffer, text: string): boolean {
  return line.toString('latin1', 0, text.length) === text;
}

export class OpenIntents {
  readonly #seqById = new Map<string, number>();

  /** To be called for each durable line, in order. */
  note(line: Buffer, seq: number): void {
    const first = line[TYPE_AT];
    if (first === FIRST_OF_INTENT) {
      if (startsWith(line, '{"type":"intent"')) this.#open(decisionIdIn(line), seq);
    } else if (this.#seqById.size > 0 && (first === FIRST_OF_REQUEST || first === FIRST_OF_UNRESOLVED)) {
      if (startsWith(line, '{"type":"request"') || startsWith(line, '{"type":"unresolved"')) this.#seqById.delete(decisionIdIn(line));
    }
  }

  get any(): boolean {
    return this.#seqById.size > 0;
  }

  /** As events carry them: `<decision id> <seq>`. */
  listed(): string[] {
    return [...this.#seqById].map(([id, seq]) => `${id} ${seq}`);
  }

  restore(listed: readonly string[]): void {
    for (const text of listed) {
      const space = text.lastIndexOf(' ');
      const seq = Number(text.slice(space + 1));
      if (space > 0 && Number.isSafeInteger(seq)) this.#open(text.slice(0, space), seq);
    }
  }

  entries(): (readonly [string, number])[] {
    return [...this.#seqById];
  }

  #open(id: string, seq: number): void {
    if (this.#seqById.size >= OPEN_MAX) {
      const oldest = this.#seqById.keys().next();
      if (oldest.done !== true) this.#seqById.delete(oldest.value);
    }
    this.#seqById.set(id, seq);
  }
}

/** Open intents that a start, stop or rotate event names (none for a start: it comes after the unresolved lines); undefined for any other line. */
function baseline(bytes: Buffer): readonly string[] | undefined {
  if (!bytes.subarray(0, 15).equals(Buffer.from('{"type":"event"'))) return undefined;
  const line = parseLine(bytes.toString('utf8'));
  if (line?.['event'] !== 'start' && line?.['event'] !== 'stop' && line?.['event'] !== 'rotate') return undefined;
  const listed = objectMember(line, 'details')?.['open_intents'];
  return Array.isArray(listed) ? listed.filter((item): item is string => typeof item === 'string') : [];
}

/** Looks back to the last start, stop or rotate event (at most one file, as each begins with one), then forward again. */
export function findOpenIntents(filesOldestFirst: readonly OpenFile[]): OpenIntents {
  const intents = new OpenIntents();
  const after: OpenFile[] = [];
  let from = 0;
  search: for (const file of filesOldestFirst.toReversed()) {
    after.unshift(file);
    for (const line of linesBackward(file.fd, file.size)) {
      const listed = baseline(line.bytes);
      if (listed === undefined) continue;
      intents.restore(listed);
      from = line.offset;
      break search;
    }
  }
  for (const file of after) {
    for (const line of linesForward(file.fd, from, file.size)) {
      const link = readLink(line.bytes);
      if (link !== undefined) intents.note(line.bytes, link.seq);
    }
    from = 0;
  }
  return intents;
}

/** What an unresolved line says, copied from its intent where that can still be read. */
export function unresolvedFacts(files: readonly OpenFile[], decisionId: string, intentSeq: number, atUs: number): UnresolvedLineFacts {
  const intent = findBySeq(files, intentSeq) ?? {};
  return {
    atUs, decisionId, intentSeq,
    traceId: textMember(intent, 'trace_id'), sessionId: textMember(intent, 'session_id'), spiffeId: textMember(intent, 'spiffe_id'),
    server: textMember(intent, 'server'), tool: textMember(intent, 'tool'), method: textMember(intent, 'method'), argumentsDigest: textMember(intent, 'arguments_digest'),
  };
}

function findBySeq(files: readonly OpenFile[], seq: number): LineObject | undefined {
  for (const file of files.toReversed()) {
    for (const line of linesBackward(file.fd, file.size)) {
      const link = readLink(line.bytes);
      if (link?.seq === seq) return parseLine(line.bytes.toString('utf8'));
      if (link !== undefined && link.seq < seq) return undefined;
    }
  }
  return undefined;
}
