// Notifications and answers from the client: to the tool servers of its session, and 202.
import type { Exchange } from '../chain/exchange.js';
import { deny } from '../chain/verdict.js';
import { AskRefused, ask } from './ask.js';
import { limitsOf } from './answers.js';
import { takeAsker, takeAwaited } from './asked.js';
import { tellCancelled } from './cancelled.js';
import type { Leg, TerminalServices } from './services.js';

const ACCEPTED = 202;

export function forwardNotification(exchange: Exchange, services: TerminalServices): void {
  const { ctx } = exchange;
  const session = ctx.mcpSession;
  tellCancelled(exchange, services);
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
    exchange.refuse(deny('mcp_invalid_request', { reasonCode: 'nobody_asked', message: 'No tool server of this session waits for this answer.' }));
    return;
  }
  exchange.beforeWire(() => void deliver(exchange, services, targets).catch((fault: unknown) => exchange.guard(() => { throw fault; })));
}

/** An answer goes to the server that asked; a notification to every server this session has opened. */
function targetsOf(exchange: Exchange): string[] | undefined {
  const { call, mcpSession } = exchange.ctx;
  if (mcpSession === undefined || mcpSession === 'none') return [];
  if (call?.kind !== 'response') return [...mcpSession.upstreams.keys()];
  const asker = takeAsker(mcpSession, call.idText ?? 'null');
  return asker === undefined ? undefined : [asker];
}

async function deliver(exchange: Exchange, services: TerminalServices, targets: readonly string[]): Promise<void> {
  const { ctx } = exchange;
  ctx.inbound.retain();
  const { upstream } = ctx.snapshot.config;
  const asker = { client: services.client, guard: services.jsonGuard, limits: limitsOf(ctx.snapshot.config), answerBytesMax: upstream.answer_bytes_max };
  const post = async (url: string): Promise<void> => {
    const leg = await new Promise<Leg>((resolve, reject) => services.legs.open(ctx, url, resolve, (refusal) => reject(new AskRefused(refusal, 0))));
    await ask(asker, { url, httpMethod: 'POST', headers: leg.headers, body: ctx.outboundBytes(), answerTimeoutMs: upstream.answer_timeout_ms, idleTimeoutMs: upstream.idle_timeout_ms });
  };
  const results = await Promise.allSettled(targets.map(post));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined && ctx.call?.kind === 'response') exchange.refuse(failed.reason instanceof AskRefused ? failed.reason.refusal : deny('mcp_transport_failed'));
  else exchange.answer(ACCEPTED, [], '');
}
