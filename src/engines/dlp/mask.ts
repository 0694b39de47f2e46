// Takes findings out of JSON for a person to read: what was found is replaced by its rule and its length, and all around it stays.
import { withheldText } from '../../base/text/withheld.js';
import { skipString, skipWord } from '../../base/json/spans.js';
import { FINDINGS_MAX_RULE } from './findings.js';
import { toBuffer } from './transforms.js';
import type { Finding, LocatedFinding } from './types.js';

/** Injected instructions are no secret; whoever judges the call must see them. */
export function isSecret({ rule, category }: Pick<Finding, 'rule' | 'category'>): boolean {
  return category !== 'injection' || rule === FINDINGS_MAX_RULE;
}

/** A byte range to replace, with the names of what was found in it. */
interface Span {
  readonly from: number;
  to: number;
  readonly rules: Set<string>;
  /** It is not within one string: the strings and numbers it touches go whole, so that JSON stays JSON. */
  whole: boolean;
}

/** The one JSON value in bytes[from, to) as JSON text without what `findings` located in it. Findings elsewhere (in headers, in other members) change nothing. */
export function maskFindings(bytes: Uint8Array, from: number, to: number, findings: readonly LocatedFinding[]): string {
  const spans = spansOf(findings.filter((finding) => finding.path.startsWith('$') && finding.from < to && finding.to > from));
  const source = toBuffer(bytes);
  let text = '';
  let copied = from;
  let next = 0;
  for (let at = from; at < to && next < spans.length; ) {
    const end = endOfToken(bytes, at);
    while (next < spans.length && (spans[next]?.to ?? 0) <= at) next += 1;
    const touching = end - at === 1 && !isWordByte(bytes[at]) ? [] : touchingSpans(spans, next, end);
    if (touching.length > 0) {
      text += source.toString('utf8', copied, at) + maskToken(source, at, end, touching);
      copied = end;
    }
    at = end;
  }
  return text + source.toString('utf8', copied, to);
}

/** Strings and words of a JSON text (which may be cut off), each without what `find` sees something in: coarser than maskFindings, and in need of no places. */
export function maskTokens(json: string, find: (text: string) => readonly Finding[]): string {
  return json.replace(/"[^"\\]*(?:\\.[^"\\]*)*"?|[^\s",:{}[\]]+/gs, (token) => {
    const secrets = find(textOfToken(token)).filter(isSecret);
    return secrets.length === 0 ? token : JSON.stringify(withheldText(secrets.map(({ rule }) => rule), token.length));
  });
}

function spansOf(findings: readonly LocatedFinding[]): Span[] {
  const spans: Span[] = [];
  for (const { from, to, rule, path } of [...findings].sort((a, b) => a.from - b.from)) {
    const last = spans.at(-1);
    if (last === undefined || from >= last.to) {
      spans.push({ from, to, rules: new Set([rule]), whole: path === '$' });
      continue;
    }
    last.to = Math.max(last.to, to);
    last.rules.add(rule);
    last.whole ||= path === '$';
  }
  return spans;
}

function touchingSpans(spans: readonly Span[], next: number, end: number): Span[] {
  const touching: Span[] = [];
  for (let place = next; place < spans.length; place += 1) {
    const span = spans[place];
    if (span === undefined || span.from >= end) break;
    touching.push(span);
  }
  return touching;
}

const QUOTE = 0x22;

function isWordByte(byte = 0): boolean {
  return (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || (byte >= 0x61 && byte <= 0x7a);
}

function endOfToken(bytes: Uint8Array, at: number): number {
  if (bytes[at] === QUOTE) return skipString(bytes, at);
  return isWordByte(bytes[at]) ? skipWord(bytes, at) : at + 1;
}

function maskToken(source: Buffer, from: number, to: number, spans: readonly Span[]): string {
  const isString = source[from] === QUOTE;
  const [first, last] = isString ? [from + 1, to - 1] : [from, to];
  const mask = (rules: Iterable<string>, start: number, end: number): string => JSON.stringify(withheldText(rules, source.toString('utf8', start, end).length)).slice(1, -1);
  if (!isString || spans.some((span) => span.whole)) return `"${mask(spans.flatMap((span) => [...span.rules]), first, last)}"`;
  let text = '"';
  let copied = first;
  for (const span of spans) {
    const [start, end] = [Math.max(span.from, first), Math.min(span.to, last)];
    if (end <= start) continue;
    text += source.toString('utf8', copied, start) + mask(span.rules, start, end);
    copied = end;
  }
  return `${text}${source.toString('utf8', copied, last)}"`;
}

function textOfToken(token: string): string {
  try {
    const value: unknown = JSON.parse(token);
    return typeof value === 'string' ? value : token;
  } catch {
    return token; // the last one of a text that was cut off
  }
}
