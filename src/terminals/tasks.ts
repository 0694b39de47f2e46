// tasks/get, result, update and cancel: to the server that made the task for this caller. What the gateway did not see made is asked for, with tasks/get, only
// where the client has a session of its own: elsewhere an id that was guessed is another caller's task.
import type { Context } from '../chain/context.js';
import type { Exchange } from '../chain/exchange.js';
import type { Deny } from '../chain/verdict.js';
import { AskRefused } from './ask.js';
import { forwardCall } from './call.js';
import { isOwnSession } from './legs.js';
import { capabilityOf, serversOffering } from './offering.js';
import { invalidParams, refuseNotOffered } from './protocol-refusal.js';
import { errorCodeOf, ServerAsker } from './server-asker.js';
import type { TerminalServices } from './services.js';
import { namedTask, taskIdOf } from './task-owners.js';
import { openLeg } from './tell-server.js';

const TASK_ID_BYTES_MAX = 1024; // it is remembered, and asked for at several servers

export function forwardTask(exchange: Exchange, services: TerminalServices): void {
  const { ctx } = exchange;
  const servers = serversOffering(ctx, capabilityOf(ctx.call?.method ?? ''), services);
  const [first] = servers;
  if (first === undefined) return refuseNotOffered(exchange);
  const taskId = namedTask(ctx.inbound.body) ?? '';
  if (taskId === '' || Buffer.byteLength(taskId) > TASK_ID_BYTES_MAX) {
    exchange.refuse(invalidParams(ctx, 'task_id', `params.taskId must be a string of 1 to ${TASK_ID_BYTES_MAX} bytes.`, 'Send the taskId that the task was made with.'));
    return;
  }
  const known = services.taskOwners.find(ctx, taskId, servers);
  if (known !== undefined) return forwardCall(exchange, known, services);
  if (ctx.mcpSession === undefined || ctx.mcpSession === 'none') {
    exchange.refuse(unknownTask(ctx));
    return;
  }
  ctx.inbound.retain();
  ofOwnSessions(ctx, servers, services).then((own) => (servers.length === 1 && own.length === 1 ? first : findOwner(ctx, taskId, own, services))).then(
    (found) => exchange.guard(() => {
      if (typeof found === 'string') forwardCall(exchange, found, services);
      else exchange.refuse(found);
    }),
    (fault: unknown) => exchange.fault(fault),
  );
}

/** The servers with which this client has a session of its own: what others share has others' tasks. One that can't be reached says so when it is asked. */
async function ofOwnSessions(ctx: Context, servers: readonly string[], services: TerminalServices): Promise<readonly string[]> {
  const legs = await Promise.allSettled(servers.map((url) => openLeg(services, ctx, url)));
  return servers.filter((_, i) => {
    const leg = legs[i];
    return leg?.status !== 'fulfilled' || isOwnSession(ctx, leg.value);
  });
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
  return unknownTask(ctx);
}

function unknownTask(ctx: Context): Deny {
  return invalidParams(ctx, 'task_unknown', 'No tool server has this task of this caller.', 'Tasks end with their time to live, or with the gateway; call the tool again.');
}

/** It did not answer: the task may be there. An HTTP refusal is an answer. */
function isSilent({ refusal }: AskRefused): boolean {
  return refusal.code === 'mcp_timeout' || refusal.code === 'mcp_transport_failed';
}
