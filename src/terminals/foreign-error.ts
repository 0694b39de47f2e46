// A tool server's error in the form of a refusal of the gateway's: clients repeat those as calls that never ran, and show a person the command in them.
import { replaceSpan } from '../base/json/edits.js';
import { memberAt, textAt } from '../base/json/members.js';
import { memberSpans, type ValueSpan } from '../base/json/spans.js';

/** What every refusal of the gateway has, and no other error may seem to have. Some readers fold case, and with it ſ into s (Go's encoding/json). */
const MARK = /^decision_id$/iu;

/** The error as the server's own: what looks like a refusal in it one member deeper, and nothing beside it. `bytes`: an error response that passed the guard. */
export function asForeignError(bytes: Uint8Array): Uint8Array {
  const error = memberAt(bytes, ['error']);
  if (error === undefined) return bytes;
  const marked = memberSpans(bytes, error.from, error.to).filter((member) => isMarked(bytes, member));
  // From the last on: the places before it stay.
  const own = marked.reduceRight<Uint8Array>((text, member) => replaceSpan(text, member, `{"upstream":${textAt(text, member)}}`), bytes);
  if (!isMarked(own, { from: 0, to: own.length })) return own;
  return Buffer.from(`{"jsonrpc":"2.0","id":${textAt(own, memberAt(own, ['id'])) ?? 'null'},"error":${textAt(own, memberAt(own, ['error'])) ?? 'null'}}`);
}

function isMarked(bytes: Uint8Array, { from, to }: ValueSpan): boolean {
  return memberSpans(bytes, from, to).some(({ key }) => MARK.test(key));
}
