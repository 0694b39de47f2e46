// Notifications and answers from the client: to the tool servers of its session, and 202.
import type { Context } from '../chain/context.js';
import type { Exchange } from '../chain/exchange.js';
import { deny } from '../chain/verdict.js';
import { AskRefused, ask } from './ask.js';
import type { SessionView } from '../engines/session-risk/types.js';
import { comparableId, idTextOf } from '../mcp/message-id.js';
import { INTERNAL_ERROR } from '../mcp/rpc-codes.js';
import { limitsOf } from './answers.js';
import { takeAsker, takeAwaited } from './asked.js';
import { tellCancelled, type Cancelled } from './cancelled.js';
import { exfiltration, serverSendsOut } from './sends-out.js';
import type { TerminalServices } from './services.js';
import { errorMembers, messageTo, openLeg, tellServer } from './tell-server.js';

const ACCEPTED = 202;
const NOTHING_KNOWN: Pick<SessionView, 'taintSource'> = Object.freeze({});

export function forwardNotification(exchange: Exchange, services: TerminalServices): void {
  const { ctx } = exchange;
  const session = ctx.mcpSession;
  const cancelled = tellCancelled(exchange);
  // Stateless callers share the gateway's session: one must not cancel what another started. The handshake is the gateway's own business.
  if (session === undefined || session === 'none' || ctx.call?.method === 'notifications/initialized') {
    exchange.answer(ACCEPTED, [], '');
    return;
  }
  const take = ctx.call?.kind === 'response' ? takeAwaited(session, ctx.call.idText ?? 'null') : undefined;
  if (take !== undefined) {
    exchange.beforeWire(() => {
      take(ctx.outboundBytes());
      exchange.answer(ACCEPTED, [], '');
    });
    return;
  }
  const targets = targetsOf(exchange);
  if (targets === undefined) {
    exchange.refuse(deny('mcp_invalid_request', { reasonCode: 'nobody_asked', message: 'No tool server of this session waits for this answer.', remediation: 'Answer each request once, in the session whose stream brought it.' }));
    return;
  }
  const [asker] = targets;
  if (ctx.call?.kind === 'response' && asker !== undefined && mustNotReach(ctx, asker)) {
    withholdAnswer(exchange, asker, services);
    return;
  }
  const messages = messagesTo(ctx, targets, cancelled);
  exchange.beforeWire(() => void deliver(exchange, services, messages).catch((fault: unknown) => exchange.guard(() => { throw fault; })));
}

/** Layers 8 and 9 know of no tool here: what is no call may hold anything, and is read by nobody knows which tool. */
function mustNotReach(ctx: Context, url: string): boolean {
  return ctx.session?.tainted !== false && serverSendsOut(ctx, url);
}

/** The server is told that there is no answer: it must not wait for ever. */
function withholdAnswer(exchange: Exchange, url: string, services: TerminalServices): void {
  const { ctx } = exchange;
  const idText = idTextOf(comparableId(ctx.call?.idText ?? 'null'));
  services.legs.open(ctx, url, (leg) => tellServer(services, ctx, leg, errorMembers(idText, INTERNAL_ERROR, 'The client\'s answer was withheld.')), () => undefined);
  exchange.refuse(exfiltration(ctx.session ?? NOTHING_KNOWN, undefined, url));
}

interface Message {
  readonly url: string;
  /** Undefined = as the client wrote it. */
  readonly body: Uint8Array | undefined;
}

/** Without those for servers that must not have them; a cancellation reaches the server that has the call, and says no more than its id. */
function messagesTo(ctx: Context, targets: readonly string[], cancelled: Cancelled | undefined): readonly Message[] {
  const withheld = targets.filter((url) => mustNotReach(ctx, url));
  const open = targets.filter((url) => !withheld.includes(url)).map((url) => ({ url, body: undefined }));
  if (withheld.length === 0) return open;
  ctx.flag(8, `withheld from ${withheld.length} tool server${withheld.length === 1 ? '' : 's'} that may send it out`);
  const running = withheld.filter((url) => cancelled?.servers.includes(url) === true);
  return [...open, ...running.map((url) => ({ url, body: cancellationOf(cancelled?.id ?? '') }))];
}

function cancellationOf(id: string): Uint8Array {
  return Buffer.from(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${idTextOf(id)}}}`);
}

/** An answer goes to the server that asked; a notification to every server this session has opened. */
function targetsOf(exchange: Exchange): string[] | undefined {
  const { call, mcpSession } = exchange.ctx;
  if (mcpSession === undefined || mcpSession === 'none') return [];
  if (call?.kind !== 'response') return [...mcpSession.upstreams.keys()];
  const asker = takeAsker(mcpSession, call.idText ?? 'null');
  return asker === undefined ? undefined : [asker];
}

async function deliver(exchange: Exchange, services: TerminalServices, messages: readonly Message[]): Promise<void> {
  const { ctx } = exchange;
  ctx.inbound.retain();
  const { config } = ctx.snapshot;
  const asker = { client: services.client, guard: services.jsonGuard, limits: limitsOf(config), answerBytesMax: config.upstream.answer_bytes_max };
  const post = async ({ url, body }: Message): Promise<void> => {
    await ask(asker, messageTo(ctx, await openLeg(services, ctx, url), body ?? ctx.outboundBytes()));
  };
  const results = await Promise.allSettled(messages.map(post));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined && ctx.call?.kind === 'response') exchange.refuse(failed.reason instanceof AskRefused ? failed.reason.refusal : deny('mcp_transport_failed'));
  else exchange.answer(ACCEPTED, [], '');
}
