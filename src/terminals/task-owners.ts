// Which server made a task: ids are the servers' own, opaque and unchanged, so that two of them may choose the same. Who made it first in this session has it.
import { LRUCache } from 'lru-cache';
import { memberSpans, decodeString, type MemberSpan } from '../base/json/spans.js';
import type { Context } from '../chain/context.js';

const TASKS_KEPT_MAX = 10_000; // on each thread; one that is forgotten is asked for again
const ANSWER_BYTES_MAX = 64 * 1024; // an answer that makes a task holds no result
const QUOTE = 0x22;

export interface TaskOwners {
  find(ctx: Context, taskId: string): string | undefined;
  /** The first one to be learnt stays: no server takes another's task. */
  learn(ctx: Context, taskId: string, url: string): void;
}

export function createTaskOwners(): TaskOwners {
  const kept = new LRUCache<string, string>({ max: TASKS_KEPT_MAX });
  return {
    find: (ctx, taskId) => kept.get(keyOf(ctx, taskId)),
    learn(ctx, taskId, url) {
      const key = keyOf(ctx, taskId);
      if (!kept.has(key)) kept.set(key, url);
    },
  };
}

function keyOf({ caller, mcpSessionId }: Context, taskId: string): string {
  return `${caller?.spiffeId ?? ''} ${mcpSessionId ?? ''} ${taskId}`;
}

/** The task that an answer speaks of: `result.task.taskId` (2025-11-25), or `result.taskId`. `bytes`: a whole message that passed the JSON guard. */
export function taskIdOf(bytes: Uint8Array): string | undefined {
  if (bytes.length > ANSWER_BYTES_MAX) return undefined;
  const result = member(bytes, { from: 0, to: bytes.length }, 'result');
  if (result === undefined) return undefined;
  return textOf(bytes, member(bytes, member(bytes, result, 'task') ?? result, 'taskId'));
}

/** params.taskId of a request. */
export function namedTask(body: Uint8Array): string | undefined {
  const params = member(body, { from: 0, to: body.length }, 'params');
  return params === undefined ? undefined : textOf(body, member(body, params, 'taskId'));
}

function member(bytes: Uint8Array, within: { readonly from: number; readonly to: number }, key: string): MemberSpan | undefined {
  return memberSpans(bytes, within.from, within.to).find((one) => one.key === key);
}

function textOf(bytes: Uint8Array, span: MemberSpan | undefined): string | undefined {
  return span === undefined || bytes[span.from] !== QUOTE ? undefined : decodeString(bytes, span.from, span.to);
}
