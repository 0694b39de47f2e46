// A refusal after a stream has begun: its last event, under the request's id.
import type { Exchange } from '../chain/exchange.js';
import type { Deny } from '../chain/verdict.js';
import { renderRefusal } from '../mcp/errors.js';
import { messageEvent } from '../mcp/message-events.js';

export function endWithRefusal(exchange: Exchange, idText: string, refusal: Deny): void {
  const { ctx } = exchange;
  const rendered = renderRefusal(refusal, { decisionId: ctx.decisionId, traceId: ctx.traceId, idText, isMcpClient: true, resourceMetadataUrl: '', docsBaseUrl: ctx.snapshot.config.docs.base_url });
  exchange.write(messageEvent(rendered.body));
  exchange.endStream(refusal.code);
}
