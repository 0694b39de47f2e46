// logging/setLevel: to every tool server of the session that logs, answered once.
import { memberAt, textAt } from '../base/json/members.js';
import type { Exchange } from '../chain/exchange.js';
import { deny, type Deny } from '../chain/verdict.js';
import { INVALID_PARAMS, METHOD_NOT_FOUND } from '../mcp/rpc-codes.js';
import { AskRefused } from './ask.js';
import { setLogLevel } from './client-facts.js';
import { capabilityOf, serversOffering } from './offering.js';
import { invalidParams, refuseNotOffered } from './protocol-refusal.js';
import { errorCodeOf, ServerAsker } from './server-asker.js';
import type { TerminalServices } from './services.js';

/** RFC 5424, section 6.2.1. */
const LEVELS: ReadonlySet<string> = new Set(['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency']);

export function setLevel(exchange: Exchange, services: TerminalServices): void {
  const { ctx } = exchange;
  const servers = serversOffering(ctx, capabilityOf('logging/setLevel'), services);
  if (servers.length === 0) return refuseNotOffered(exchange);
  const level = levelMember(exchange);
  exchange.beforeWire(() => {
    const asker = new ServerAsker(ctx, services);
    Promise.allSettled(servers.map((url) => asker.ask(url, 'logging/setLevel', level))).then(
      (answers) => exchange.guard(() => {
        const refusals = answers.map((answer, i) => (isKeptFor(exchange, servers[i] ?? '', answer, level, services) ? undefined : refusalOf(exchange, answer)));
        const [refusal] = refusals;
        const failed = refusals.filter((one) => one !== undefined).length;
        if (refusal !== undefined && failed === servers.length) {
          exchange.refuse(refusal);
          return;
        }
        if (failed > 0) ctx.note(5, `servers down: ${failed} of ${servers.length}`);
        const meta = failed > 0 ? `"_meta":{"precinct/upstreamsDown":${failed}}` : '';
        exchange.json(`{"jsonrpc":"2.0","id":${ctx.call?.idText ?? 'null'},"result":{${meta}}}`);
      }),
      () => exchange.refuse(deny('gateway_fault')),
    );
  });
}

/** 2026-07-28 has no such method, but the level in each request: it is kept for those of this session. */
function isKeptFor({ ctx }: Exchange, url: string, answer: PromiseSettledResult<{ readonly bytes: Uint8Array }>, [level = '']: readonly string[], services: TerminalServices): boolean {
  const word = /^"level":"([a-z]+)"$/.exec(level)?.[1] ?? '';
  if (!services.tools.upstream(url).modern || !LEVELS.has(word) || answer.status === 'rejected' || errorCodeOf(answer.value.bytes) !== METHOD_NOT_FOUND) return false;
  if (ctx.mcpSession === undefined || ctx.mcpSession === 'none') return false;
  setLogLevel(ctx.mcpSession, word);
  return true;
}

function refusalOf(exchange: Exchange, answer: PromiseSettledResult<{ readonly bytes: Uint8Array }>): Deny | undefined {
  if (answer.status === 'rejected') return answer.reason instanceof AskRefused ? answer.reason.refusal : deny('gateway_fault');
  const code = errorCodeOf(answer.value.bytes);
  if (code === undefined) return undefined;
  if (code === INVALID_PARAMS) return invalidParams(exchange.ctx, 'level', 'The tool servers refuse this level.', 'Send one of debug, info, notice, warning, error, critical, alert, emergency.');
  return deny('mcp_request_failed', { reasonCode: 'logging_setLevel', details: { rpc_code: code } });
}

/** params.level as the client wrote it. */
function levelMember({ ctx: { inbound } }: Exchange): string[] {
  const level = textAt(inbound.body, memberAt(inbound.body, ['params', 'level']));
  return level === undefined ? [] : [`"level":${level}`];
}
