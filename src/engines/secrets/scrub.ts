// Takes secrets that layer 13 put in out of what a tool answers: the ordinary encodings to the byte, then whatever else the DLP decoder reads.
import { createDisguises } from './disguises.js';
import { createFinder } from './finder.js';
import { patternsOf, writingsOf } from './patterns.js';
import { rawSpan, viewsOf } from './scrub-views.js';
import { joinSpans, replaceSpans, type Span } from './spans.js';
import type { ReadText } from './types.js';

export interface ScrubResult {
  /** The same array if nothing was found. */
  readonly bytes: Uint8Array;
  /** Places replaced. */
  readonly count: number;
}

export interface Scrubber {
  /** Of a whole JSON message; the replacement `[secret]` is valid inside a string. Throws where the message takes more than its allowance to read: refuse it. */
  scrub(message: Uint8Array): ScrubResult;
  /** Whether any other text holds a secret. Throws likewise. */
  isIn(text: Uint8Array): boolean;
}

export function createScrubber(values: readonly string[], read: ReadText): Scrubber {
  const plain = [...new Set(values.filter((value) => value !== '').flatMap(writingsOf))].map((value) => Buffer.from(value));
  if (plain.length === 0) return { scrub: (bytes) => ({ bytes, count: 0 }), isIn: () => false };
  const find = createFinder(plain.flatMap((value) => patternsOf(value, read)));
  const disguises = createDisguises(find, read, Math.min(...plain.map((value) => value.length)));

  function plainSpans(bytes: Uint8Array): Span[] {
    const spans: Span[] = [];
    for (const view of viewsOf(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))) find(view.bytes, (from, to) => spans.push(rawSpan(view, from, to)));
    return joinSpans(spans);
  }

  return {
    scrub(message) {
      const spans = plainSpans(message);
      const rest = replaceSpans(message, spans);
      const disguised = disguises.spansIn(rest);
      return { bytes: replaceSpans(rest, disguised), count: spans.length + disguised.length };
    },
    isIn: (text) => plainSpans(text).length > 0 || disguises.areIn(text),
  };
}
