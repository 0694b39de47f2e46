// A question about a call with large arguments, as a thread of the pool answers it: to read ten megabytes into the engine takes a tenth of a second, in which no other call would be served.
import { membersText } from '../../base/json/members.js';
import type { ValueSpan } from '../../base/json/spans.js';
import type { Reading } from '../../base/workers/message-reader.js';
import { PolicyEvaluator } from './evaluator.js';
import { inputJson } from './input.js';
import type { RegoAnswer } from './rego-instance.js';
import { compileRegoModule } from './rego-module.js';
import type { LargeQuestion, PolicyClock } from './types.js';

export interface AskedOfMessage {
  readonly question: LargeQuestion;
  /** Where the arguments are. */
  readonly args: ValueSpan;
}

/** Keeps an engine for the set that was asked last, and for the parts of it. Nothing is remembered of an answer. */
export function createAnswering(clock: PolicyClock): Reading<AskedOfMessage, RegoAnswer> {
  let last: { readonly digest: string; readonly timeoutMs: number; readonly evaluator: PolicyEvaluator } | undefined;

  function evaluatorOf({ digest, timeoutMs, byQuery }: LargeQuestion): PolicyEvaluator {
    if (last?.digest === digest && last.timeoutMs === timeoutMs) return last.evaluator;
    const evaluator = new PolicyEvaluator([], { module: compileRegoModule(), clock, timeoutMs, checked: { byQuery } });
    last = { digest, timeoutMs, evaluator };
    return evaluator;
  }

  return {
    name: 'policy',
    read(body, { question, args }) {
      const { input, nowNs, part } = question;
      return evaluatorOf(question).evaluate(inputJson(input, membersText(body, args, input.argumentMembers)), nowNs, { key: part.key, sources: () => part.sources });
    },
    isFound: (answer): answer is RegoAnswer => {
      const { kind, text } = (answer ?? {}) as Partial<Record<'kind' | 'text', unknown>>;
      return kind === 'undefined' || kind === 'timeout' || ((kind === 'value' || kind === 'error') && typeof text === 'string');
    },
  };
}
