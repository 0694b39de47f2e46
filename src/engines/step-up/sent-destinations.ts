// The destinations of a call, as they are read out of its message.
import { memberAt, textAt } from '../../base/json/members.js';
import type { ValueSpan } from '../../base/json/spans.js';
import type { Reading } from '../../base/workers/message-reader.js';
import { destinationsAnywhere, destinationsOf } from './destinations.js';

const EMPTY_ARGUMENTS = '{}';

/** `args`: where the arguments are; an empty span = there are none. `anywhere`: destinationsAnywhere, else destinationsOf. */
export const SENT_DESTINATIONS: Reading<{ readonly args: ValueSpan; readonly anywhere: boolean }, readonly string[]> = {
  name: 'destinations',
  read(body, { args, anywhere }) {
    const json = sentJson(body, args);
    return anywhere ? destinationsAnywhere(json) : destinationsOf(json);
  },
  isFound: (answer): answer is readonly string[] => Array.isArray(answer) && answer.every((host) => typeof host === 'string'),
};

/**
 * JSON in which a host is a destination, wherever it stands: what a call's tool gets as values, which are the arguments, and the answers that a call
 * sent again carries (2026-07-28, basic/patterns/mrtr).
 */
export function sentJson(body: Uint8Array, args: ValueSpan): string {
  const answers = memberAt(body, ['params', 'inputResponses']);
  const text = args.from === args.to ? EMPTY_ARGUMENTS : textAt(body, args);
  return answers === undefined ? text : `[${text},${textAt(body, answers)}]`;
}
