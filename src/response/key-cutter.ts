// Keys that the gateway itself sends to tool servers, cut out of what operators are told in a server's own words.
import { createScrubber, type Scrubber } from '../engines/secrets/scrub.js';
import { createReadText } from './03-scrub-secrets.js';

/** A whole JSON text without the keys; undefined where they can't be cut out of it, as a key of digits can't be out of a number. */
export type KeyCutter = (json: string) => string | undefined;

/** A key is longer as a rule. What is told here is not one server's words alone: a team's name in a header may stand in anything of it. */
const KEY_CHARACTERS_MIN = 16;

/** `keys`: the same array while they are the same. */
export function createKeyCutter(keys: () => readonly string[]): KeyCutter {
  let made: { readonly keys: readonly string[]; readonly scrubber: Scrubber } | undefined;
  return (json) => {
    const now = keys();
    if (now.length === 0) return json;
    if (made?.keys !== now) made = { keys: now, scrubber: createScrubber(now.filter((key) => key.length >= KEY_CHARACTERS_MIN), createReadText()) };
    try {
      const { bytes, count } = made.scrubber.scrub(Buffer.from(json));
      if (count === 0) return json;
      const cut = Buffer.from(bytes).toString('utf8');
      JSON.parse(cut);
      return cut;
    } catch {
      return undefined;
    }
  };
}
