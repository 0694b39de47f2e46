// What terminals send a tool server in a client's session, beside the client's call.
import type { Context } from '../chain/context.js';
import type { UpstreamRequest } from '../upstream/types.js';
import { NO_SINK } from './answers.js';
import { AskRefused } from './ask.js';
import type { Leg, TerminalServices } from './services.js';

/** Rejects with AskRefused. */
export function openLeg({ legs }: Pick<TerminalServices, 'legs'>, ctx: Context, url: string): Promise<Leg> {
  return new Promise((resolve, reject) => legs.open(ctx, url, resolve, (refusal) => reject(new AskRefused(refusal, 0))));
}

export function messageTo({ snapshot }: Context, { url, headers }: Pick<Leg, 'url' | 'headers'>, body: Uint8Array): UpstreamRequest {
  const { answer_timeout_ms: answerTimeoutMs, idle_timeout_ms: idleTimeoutMs } = snapshot.config.upstream;
  return { url, httpMethod: 'POST', headers, body, answerTimeoutMs, idleTimeoutMs };
}

/** Without a wish to hear of it. `members`: of the JSON-RPC message, without its version. */
export function tellServer(services: Pick<TerminalServices, 'client'>, ctx: Context, leg: Leg, members: string): void {
  services.client.send(messageTo(ctx, leg, Buffer.from(`{"jsonrpc":"2.0",${members}}`)), NO_SINK);
}

/** As members for `tellServer`, raw id. */
export function errorMembers(idText: string, code: number, message: string): string {
  return `"id":${idText},"error":{"code":${code},"message":${JSON.stringify(message)}}`;
}
