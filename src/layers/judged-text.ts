// What layers 9 and 10 show the guard: the words of a call as its tool reads them, because a model takes a word in escapes for noise.
import { canonicalArguments } from '../base/json/canonical.js';
import type { Survey } from '../base/text/survey.js';
import { FINDINGS_MAX_RULE } from '../engines/dlp/findings.js';
import type { Finding } from '../engines/dlp/types.js';
import { forEachView } from '../engines/dlp/views.js';
import { JUDGED_LENGTH_MAX } from '../engines/guard/chunks.js';

/** \u0061 is one character. */
const ESCAPE_LENGTH_MAX = 6;
/** What a JSON text without its escapes shows as well. */
const IN_PLAIN_SIGHT: ReadonlySet<string> = new Set(['raw', 'json']);

/** `json`, which is valid, without escapes that hide anything. What the guard has no opinion of in any case stays. */
export function judgedJson(json: string): string {
  if (!json.includes('\\') || json.length > JUDGED_LENGTH_MAX * ESCAPE_LENGTH_MAX) return json;
  const bytes = Buffer.from(json);
  return canonicalArguments(bytes, 0, bytes.length);
}

/** `text` and, where one of `flagged` was found in what stands encoded in it, what that decodes to. Throws DecodeBudgetExceeded. */
export function withReadings(text: string, flagged: readonly Finding[], survey: Survey): string {
  const isEncoded = flagged.some(({ rule, decoded }) => rule === FINDINGS_MAX_RULE || !IN_PLAIN_SIGHT.has(decoded));
  if (!isEncoded || text.length > JUDGED_LENGTH_MAX) return text;
  const readings = [text];
  forEachView(Buffer.from(text), true, survey, ({ bytes }) => readings.push(Buffer.from(bytes).toString('utf8')));
  readings.splice(1, 1); // the first is the text itself
  return readings.join('\n');
}
