// The end of a long JSON value: natively, because megabytes walked here byte by byte keep every other call of the thread waiting (2.5 ns a byte, and a message is walked several times).
import { loadAddon } from '../native/load-addon.js';
import { JSON_GUARD_CONTRACT } from './native-guard.js';

/**
 * The offset after the value that bytes[at] lies in: `depth` containers are open there, and a string if `inString`; at least one of them. For bytes the
 * guard has validated; those that end too soon give their length, or one more within a string.
 */
export type SkipRest = (bytes: Uint8Array, at: number, depth: number, inString: boolean) => number;

interface SkipAddon {
  readonly skip: SkipRest;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

/** The addon's twin. */
export const walkRest: SkipRest = (bytes, at, depth, inString) => {
  let open = depth;
  let place = at;
  let inside = inString;
  while (place < bytes.length) {
    const byte = bytes[place];
    if (inside && byte === BACKSLASH) place += 1;
    else if (byte === QUOTE) inside = !inside;
    else if (!inside && (byte === OPEN_OBJECT || byte === OPEN_ARRAY)) open += 1;
    else if (!inside && (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY)) open -= 1;
    place += 1;
    if (!inside && open === 0) return place;
  }
  return inside ? bytes.length + 1 : bytes.length;
};

export const skipRest: SkipRest = loadAddon<SkipAddon>('json_guard', JSON_GUARD_CONTRACT)?.skip ?? walkRest;
