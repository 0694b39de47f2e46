// Secrets that only the DLP decoder's readings show: encoded more than once, in look-alike letters, with invisible characters between them.
import { forEachString } from '../../base/json/spans.js';
import type { Finder } from './finder.js';
import { joinSpans, replaceSpans, type Span } from './spans.js';
import type { ReadingLimits, ReadText } from './types.js';

/** Places × bytes of their string: going back through the readings walks the string for each place. Beyond, the whole string is taken. */
const RETRACED_BYTES_MAX = 1024 * 1024;
/** The bytes one character of base64 stands for; twice encoded, a secret is shortest. */
const BASE64_GROWTH = 4 / 3;
/** No store takes a shorter secret; and shorter runs are words. */
const SECRET_BYTES_MIN = 4;
/** As the rules': longer runs hold every longer secret. */
const RUN_MIN = 16;
const READABLE_MIN = 8;

export interface Disguises {
  /**
   * Spans of a JSON message, each within one string, whose replacement leaves no reading with a secret. In order and apart.
   * Throws where reading takes more than its allowance, and where the secret is in no string.
   */
  spansIn(message: Uint8Array): Span[];
  /** Whether any reading of this text holds one, the text itself aside. Throws likewise. */
  areIn(text: Uint8Array): boolean;
}

/** `shortest`: bytes of the shortest secret that `find` looks for. */
export function createDisguises(find: Finder, read: ReadText, shortest: number): Disguises {
  const limits = limitsFor(shortest);

  function holds(text: Uint8Array): boolean {
    let held = false;
    forEachDecoded(text, (bytes) => find(bytes, () => { held = true; }));
    return held;
  }

  function forEachDecoded(text: Uint8Array, visit: (bytes: Uint8Array, toRaw: (from: number, to: number) => Span) => void): void {
    let isRaw = true;
    read(text, limits, (view) => {
      if (!isRaw) visit(view.bytes, view.toRaw);
      isRaw = false;
    });
  }

  /** Undefined where they can't be told, or not for a fair price. */
  function placesIn(content: Uint8Array): Span[] | undefined {
    const places: Span[] = [];
    let isTold = true;
    forEachDecoded(content, (bytes, toRaw) => find(bytes, (from, to) => {
      isTold &&= (places.length + 1) * content.length <= RETRACED_BYTES_MAX;
      if (isTold) places.push(toRaw(from, to));
    }));
    return isTold ? joinSpans(places) : undefined;
  }

  function spansOfString(content: Uint8Array): Span[] {
    const places = placesIn(content);
    if (places?.length === 0) return [];
    // A place that is not quite where the secret was leaves a rest: then nothing of the string is worth the risk.
    return places === undefined || holds(replaceSpans(content, places)) ? [[0, content.length]] : places;
  }

  return {
    spansIn(message) {
      // Nearly every message holds none, and is read faster whole than string by string.
      if (!holds(message)) return [];
      const spans: Span[] = [];
      forEachString(message, 0, message.length, (_path, from, to) => {
        const first = from + 1;
        for (const [start, end] of spansOfString(message.subarray(first, to - 1))) spans.push([first + start, first + end]);
      });
      if (spans.length === 0) throw new Error('a secret in this message stands in no string, so that it can\'t be cut out');
      return spans;
    },
    areIn: holds,
  };
}

/** Runs as short as the shortest secret's, which the rules do not ask for. */
function limitsFor(shortest: number): Partial<ReadingLimits> {
  const bytes = Math.max(SECRET_BYTES_MIN, shortest);
  return { runMin: Math.min(RUN_MIN, Math.ceil(bytes * BASE64_GROWTH * BASE64_GROWTH)), readableMin: Math.min(READABLE_MIN, bytes) };
}
