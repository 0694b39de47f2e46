// What of a call's message its tool gets as values: the arguments, and the answers that a call sent again carries (2026-07-28, basic/patterns/mrtr).
import { createHash } from 'node:crypto';
import { canonicalArguments } from '../base/json/canonical.js';
import { memberAt, textAt } from '../base/json/members.js';
import type { Context } from '../chain/context.js';
import { argumentsJson } from './06-opa-policy.js';

type Sent = Parameters<typeof argumentsJson>[0] & Pick<Context, 'inbound'>;

/** JSON in which a host is a destination, wherever it stands. */
export function sentJson(ctx: Sent): string {
  const answers = memberAt(ctx.inbound.body, ['params', 'inputResponses']);
  return answers === undefined ? argumentsJson(ctx) : `[${argumentsJson(ctx)},${textAt(ctx.inbound.body, answers)}]`;
}

/** What an approval is for, in hexadecimal: a grant for a call is none for the same call with other answers. `canonical`: of the arguments. */
export function approvedDigest({ inbound: { body } }: Sent, canonical: string): string {
  const hash = createHash('sha256').update(canonical);
  for (const key of ['inputResponses', 'requestState']) {
    const member = memberAt(body, ['params', key]);
    if (member !== undefined) hash.update(`\0${key}\0${canonicalArguments(body, member.from, member.to)}`);
  }
  return hash.digest('hex');
}
