// Where in a JSON message a finding is: its path, and a byte range that can be replaced without breaking the JSON. Walked only when there are findings.
import { decodeString, forEachString } from '../../base/json/spans.js';
import type { Range } from './transforms.js';

export interface Place {
  /** `$` when the range is not within one string: then it can't be replaced. */
  readonly path: string;
  readonly from: number;
  readonly to: number;
}

const BACKSLASH = 0x5c;
const U = 0x75;

/** One place for each range, in the order given. */
export function locateInJson(bytes: Uint8Array, ranges: readonly Range[]): Place[] {
  const places: Place[] = ranges.map(([from, to]) => ({ path: '$', from, to }));
  const order = ranges.map((_range, index) => index).sort((a, b) => startOf(ranges, a) - startOf(ranges, b));
  const secretKeys: string[] = [];
  let next = 0;
  const last = ranges.reduce((end, [, to]) => Math.max(end, to), 0);
  forEachString(bytes, 0, last, (path, from, to, isKey) => {
    for (; next < order.length && startOf(ranges, order[next]) < to; next++) {
      const index = order[next];
      const range = index === undefined ? undefined : ranges[index];
      if (index === undefined || range === undefined || range[0] <= from || range[1] >= to) continue;
      const [alignedFrom, alignedTo] = alignToEscapes(bytes, from + 1, range);
      places[index] = { path: withoutKeys(path(), secretKeys), from: alignedFrom, to: alignedTo };
      if (isKey) secretKeys.push(decodeString(bytes, from, to));
    }
  });
  return places;
}

function startOf(ranges: readonly Range[], index: number | undefined): number {
  return index === undefined ? Infinity : (ranges[index]?.[0] ?? Infinity);
}

/** A key that holds a secret must not be told by the paths of what stands below it. Long keys are cut in paths, so their beginning is looked for. */
function withoutKeys(path: string, keys: readonly string[]): string {
  return keys.reduce((text, key) => {
    const start = key.slice(0, 64);
    return text.replaceAll(start, '…').replaceAll(JSON.stringify(start).slice(1, -1), '…');
  }, path);
}

/** Widens a range so that it cuts no escape in two. `first` is the string's first byte after its quote. */
function alignToEscapes(bytes: Uint8Array, first: number, [from, to]: Range): Range {
  if (!bytes.subarray(first, to).includes(BACKSLASH)) return [from, to];
  let start = from;
  for (let at = first; at < to; ) {
    const end = at + (bytes[at] !== BACKSLASH ? 1 : bytes[at + 1] === U ? 6 : 2);
    if (at < from && end > from) start = at;
    if (end >= to) return [start, end];
    at = end;
  }
  return [start, to];
}
