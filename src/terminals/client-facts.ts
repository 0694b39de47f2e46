// What a server of 2026-07-28 is told of a client with a handshake: what it said when its session began; of a caller without a session, what the gateway is.
import { isObjectAt, memberAt, textAt } from '../base/json/members.js';
import type { Context } from '../chain/context.js';
import { isMcpClient } from '../mcp/accept.js';
import type { McpSession } from '../engines/mcp-session/types.js';
import { legacyMeta, modernMeta, type ClientFacts } from '../mcp/other-era.js';
import type { Leg } from './services.js';

const NO_CAPABILITIES = '{}';

/** What a session asked to be told since: logging/setLevel, which 2026-07-28 has in each request. */
const logLevels = new WeakMap<McpSession, string>();
const said = new WeakMap<McpSession, ClientFacts>();

export function setLogLevel(session: McpSession, level: string): void {
  logLevels.set(session, level);
}

export function ownFacts(version: string): ClientFacts {
  return { capabilities: NO_CAPABILITIES, info: JSON.stringify({ name: 'precinct', version }) };
}

export function clientFacts(ctx: Context, version: string): ClientFacts {
  const session = ctx.mcpSession;
  if (session === undefined || session === 'none') return ownFacts(version);
  const known = said.get(session) ?? readFacts(session, version);
  said.set(session, known);
  // What cannot be asked on this request's own stream is not offered.
  return { ...known, ...(isMcpClient(ctx.inbound.headers.accept) ? {} : { capabilities: NO_CAPABILITIES }), logLevel: logLevels.get(session) };
}

function readFacts(session: McpSession, version: string): ClientFacts {
  const bytes = Buffer.from(session.initializeParams);
  const objectText = (key: string): string | undefined => {
    const member = memberAt(bytes, [key]);
    return isObjectAt(bytes, member) ? textAt(bytes, member) : undefined;
  };
  return { capabilities: objectText('capabilities') ?? NO_CAPABILITIES, info: objectText('clientInfo') ?? ownFacts(version).info };
}

/** The caller's `_meta` (raw text, '' = none) as the server of this leg takes it. */
export function metaFor(ctx: Context, leg: Leg, metaText: string, version: string): string {
  if (leg.mappedTo === undefined) return metaText;
  return leg.mappedTo === 'modern' ? modernMeta(metaText, clientFacts(ctx, version)) : legacyMeta(metaText);
}
