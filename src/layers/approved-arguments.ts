// What layer 9 has approved: the digest of a call's arguments, and the beginning of their canonical form for the approver's eyes.
import { createHash } from 'node:crypto';
import { canonicalArguments } from '../base/json/canonical.js';
import { memberAt } from '../base/json/members.js';
import type { ValueSpan } from '../base/json/spans.js';
import type { Reading } from '../base/workers/message-reader.js';
import { maskFindings } from '../engines/dlp/mask.js';
import type { LocatedFinding } from '../engines/dlp/types.js';
import { ARGUMENTS_KEPT_MAX } from '../engines/step-up/arguments-shown.js';

/** Scanned beyond what is kept: a secret that the cut would halve must still be seen as one. */
const BEYOND_THE_CUT = 4_096;
/** Absent arguments are empty ones. */
const EMPTY_OBJECT = '{}';

export interface ApprovedArguments {
  /** In hexadecimal; of the answers as well that a call sent again carries: a grant for a call is none for the same call with other answers. */
  readonly digest: string;
  /** Of the canonical form, without what was found at the places of `secrets`; of the arguments and the answers, where there are any. */
  readonly beginning: string;
  /** Characters of all of it. */
  readonly length: number;
}

/** `args`: where the arguments are; an empty span = there are none. */
export const APPROVED_ARGUMENTS: Reading<{ readonly args: ValueSpan; readonly secrets: readonly LocatedFinding[] }, ApprovedArguments> = {
  name: 'approved_arguments',
  read(body, { args, secrets }) {
    const canonical = args.from === args.to ? EMPTY_OBJECT : canonicalArguments(body, args.from, args.to);
    const shownOf = (value: ValueSpan): string => (secrets.length === 0 ? canonicalArguments(body, value.from, value.to) : maskedCanonical(body, value, secrets));
    const shownArgs = secrets.length === 0 || args.from === args.to ? canonical : shownOf(args);
    const answers = memberAt(body, ['params', 'inputResponses']);
    // The tool goes by them as it goes by its arguments: whoever approves must have seen them.
    const shown = answers === undefined ? shownArgs : `{"arguments":${shownArgs},"inputResponses":${shownOf(answers)}}`;
    return { digest: digestOf(body, canonical), beginning: shown.slice(0, ARGUMENTS_KEPT_MAX + BEYOND_THE_CUT), length: shown.length };
  },
  isFound: (answer): answer is ApprovedArguments => {
    const { digest, beginning, length } = (answer ?? {}) as Partial<Record<keyof ApprovedArguments, unknown>>;
    return typeof digest === 'string' && typeof beginning === 'string' && typeof length === 'number';
  },
};

function maskedCanonical(body: Uint8Array, { from, to }: ValueSpan, secrets: readonly LocatedFinding[]): string {
  const bytes = Buffer.from(maskFindings(body, from, to, secrets));
  return canonicalArguments(bytes, 0, bytes.length);
}

function digestOf(body: Uint8Array, canonical: string): string {
  const hash = createHash('sha256').update(canonical);
  for (const key of ['inputResponses', 'requestState']) {
    const member = memberAt(body, ['params', key]);
    if (member !== undefined) hash.update(`\0${key}\0${canonicalArguments(body, member.from, member.to)}`);
  }
  return hash.digest('hex');
}
