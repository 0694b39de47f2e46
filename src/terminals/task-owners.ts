// Which server made a task, and for whom: ids are the servers' own, opaque and unchanged, so that two of them may choose the same. Who made it first in this
// session has it. All gateway threads know it together: a caller without a session comes in on any of them.
import { createHash } from 'node:crypto';
import { addHead, addMember, FAMILY_WORDS, isHead, membersOf, oldestOf, removeMember, touchMember } from '../base/shared/families.js';
import { pairHash, type KeyHash } from '../base/shared/key-hash.js';
import { NONE, type SharedTable, type Stripe, type TableShape } from '../base/shared/table.js';
import { memberAt, memberOf, stringAt } from '../base/json/members.js';
import type { Context } from '../chain/context.js';

const TASKS_KEPT_MAX = 65_536; // and their callers
const TASKS_PER_CALLER_MAX = 1000; // of more the longest unused is forgotten, so that nobody's tasks go for another's
const SWEEP_STEPS_MAX = 256;
const RECORD_BYTES = (FAMILY_WORDS + 4) * 4; // and the hash of the server's URL
export const ANSWER_BYTES_MAX = 64 * 1024; // an answer that makes a task holds no result

export interface TaskOwners {
  /** Of these servers the one that made it for this caller, in this session. */
  find(ctx: Context, taskId: string, servers: readonly string[]): string | undefined;
  /** The first one to be learnt stays: no server takes another's task. */
  learn(ctx: Context, taskId: string, url: string): void;
}

export function taskTable(): TableShape {
  return { capacity: TASKS_KEPT_MAX, dataBytes: RECORD_BYTES, familyMax: TASKS_PER_CALLER_MAX + 1 };
}

export function createTaskOwners(table: SharedTable): TaskOwners {
  /** Hashes of texts are remembered with them, and an id may have 64 KiB: its digest stands for it. */
  const hashesOf = ({ caller, mcpSessionId }: Context, taskId: string): readonly [KeyHash, KeyHash] => {
    const ofCaller = table.hashOf(caller?.spiffeId ?? '');
    return [ofCaller, pairHash(ofCaller, table.hashOf(`${mcpSessionId ?? ''} ${createHash('sha256').update(taskId).digest('hex')}`))];
  };
  return {
    find(ctx, taskId, servers) {
      const [ofCaller, ofTask] = hashesOf(ctx, taskId);
      const stripe = table.stripeOf(ofCaller);
      return stripe.locked(() => {
        const task = stripe.find(ofTask);
        if (task === NONE) return undefined;
        touchMember(stripe, task);
        return servers.find((url) => isOf(stripe, task, table.hashOf(url)));
      });
    },
    learn(ctx, taskId, url) {
      const [ofCaller, ofTask] = hashesOf(ctx, taskId);
      const stripe = table.stripeOf(ofCaller);
      const server = table.hashOf(url);
      stripe.locked(() => {
        if (stripe.find(ofTask) === NONE) keep(stripe, ofCaller, ofTask, server);
      });
    },
  };
}

/** Where no room can be made the task stays unknown: its caller makes it again. */
function keep(stripe: Stripe, ofCaller: KeyHash, ofTask: KeyHash, server: KeyHash): void {
  for (let step = 0; step < SWEEP_STEPS_MAX; step++) {
    const known = stripe.find(ofCaller);
    const caller = known === NONE ? addHead(stripe, ofCaller) : known;
    if (caller !== NONE) {
      if (membersOf(stripe, caller) >= TASKS_PER_CALLER_MAX) removeMember(stripe, oldestOf(stripe, caller));
      const task = addMember(stripe, caller, ofTask);
      if (task !== NONE) {
        stripe.words.set([server.h0, server.h1, server.h2, server.h3], stripe.wordAt(task) + FAMILY_WORDS);
        return;
      }
    }
    forgetOne(stripe);
  }
}

function forgetOne(stripe: Stripe): void {
  const entry = stripe.sweep(1);
  if (entry === NONE || !isHead(stripe, entry)) return;
  const oldest = oldestOf(stripe, entry);
  if (oldest === NONE) stripe.remove(entry);
  else removeMember(stripe, oldest);
}

function isOf(stripe: Stripe, task: number, { h0, h1, h2, h3 }: KeyHash): boolean {
  const at = stripe.wordAt(task) + FAMILY_WORDS;
  const { words } = stripe;
  return words[at] === h0 && words[at + 1] === h1 && words[at + 2] === h2 && words[at + 3] === h3;
}

/** The task that an answer speaks of: `result.task.taskId` (2025-11-25), or `result.taskId`. `bytes`: a whole message that passed the JSON guard. */
export function taskIdOf(bytes: Uint8Array): string | undefined {
  if (bytes.length > ANSWER_BYTES_MAX) return undefined;
  const result = memberAt(bytes, ['result']);
  if (result === undefined) return undefined;
  return stringAt(bytes, memberOf(bytes, memberOf(bytes, result, 'task') ?? result, 'taskId'));
}

/** params.taskId of a request. */
export function namedTask(body: Uint8Array): string | undefined {
  return stringAt(body, memberAt(body, ['params', 'taskId']));
}
