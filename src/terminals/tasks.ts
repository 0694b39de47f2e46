// tasks/get, result, update and cancel: to the server that made the task. What this thread did not see made is asked for, with tasks/get, at every server that has tasks.
import type { Context } from '../chain/context.js';
import type { Exchange } from '../chain/exchange.js';
import type { Deny } from '../chain/verdict.js';
import { AskRefused } from './ask.js';
import { forwardCall } from './call.js';
import { invalidParams } from './named.js';
import { capabilityOf, refuseNotOffered, serversOffering } from './offering.js';
import { errorCodeOf, ServerAsker } from './server-asker.js';
import type { TerminalServices } from './services.js';
import { namedTask, taskIdOf } from './task-owners.js';

const TASK_ID_BYTES_MAX = 1024; // it is remembered, and asked for at several servers

export function forwardTask(exchange: Exchange, services: TerminalServices): void {
  const { ctx } = exchange;
  const servers = serversOffering(ctx, capabilityOf(ctx.call?.method ?? ''), services);
  const [first] = servers;
  if (first === undefined) return refuseNotOffered(exchange);
  if (servers.length === 1) return forwardCall(exchange, first, services);
  const taskId = namedTask(ctx.inbound.body) ?? '';
  if (taskId === '' || Buffer.byteLength(taskId) > TASK_ID_BYTES_MAX) {
    exchange.refuse(invalidParams(ctx, 'task_id', `params.taskId must be a string of 1 to ${TASK_ID_BYTES_MAX} bytes.`, 'Send the taskId that the task was made with.'));
    return;
  }
  const known = services.taskOwners.find(ctx, taskId);
  if (known !== undefined && servers.includes(known)) return forwardCall(exchange, known, services);
  findOwner(ctx, taskId, servers, services).then(
    (found) => exchange.guard(() => {
      if (typeof found === 'string') forwardCall(exchange, found, services);
      else exchange.refuse(found);
    }),
    (fault: unknown) => exchange.fault(fault),
  );
}

/** Of two that say the task is theirs, one may be lying: neither gets what is meant for the other. */
async function findOwner(ctx: Context, taskId: string, servers: readonly string[], services: TerminalServices): Promise<string | Deny> {
  const asker = new ServerAsker(ctx, services);
  const answers = await Promise.allSettled(servers.map((url) => asker.ask(url, 'tasks/get', [`"taskId":${JSON.stringify(taskId)}`])));
  const owners = servers.filter((_, i) => {
    const answer = answers[i];
    return answer?.status === 'fulfilled' && errorCodeOf(answer.value.bytes) === undefined && taskIdOf(answer.value.bytes) === taskId;
  });
  const [owner, other] = owners;
  if (other !== undefined) return invalidParams(ctx, 'task_ambiguous', 'Several tool servers have a task of this id.', 'Ask in the MCP session in which the task was made.');
  if (owner !== undefined) {
    services.taskOwners.learn(ctx, taskId, owner);
    return owner;
  }
  const failed = answers.find((answer) => answer.status === 'rejected' && answer.reason instanceof AskRefused && isSilent(answer.reason));
  if (failed?.status === 'rejected' && failed.reason instanceof AskRefused) return failed.reason.refusal;
  return invalidParams(ctx, 'task_unknown', 'No tool server has this task.', 'Tasks end with their time to live; call the tool again.');
}

/** It did not answer: the task may be there. An HTTP refusal is an answer. */
function isSilent({ refusal }: AskRefused): boolean {
  return refusal.code === 'mcp_timeout' || refusal.code === 'mcp_transport_failed';
}
