// initialize, ping and server/discover: what the gateway answers itself, in the name of all its tool servers.
import { memberAt, textAt } from '../base/json/members.js';
import type { Exchange } from '../chain/exchange.js';
import { deny } from '../chain/verdict.js';
import type { McpSession } from '../engines/mcp-session/types.js';
import { JSON_HEADERS } from '../mcp/media-types.js';
import { negotiateLegacyVersion, SUPPORTED_VERSIONS } from '../mcp/versions.js';
import { answerScreened } from './own-answer.js';
import type { TerminalServices, UpstreamKnowledge } from './services.js';

const SERVER_INFO_KEY = 'io.modelcontextprotocol/serverInfo'; // 2026-07-28, basic: where a server names itself
const DISCOVER_TTL_MS = 60_000;

export function answerHandshake(exchange: Exchange, services: TerminalServices): void {
  switch (exchange.ctx.call?.method) {
    case 'initialize': return initialize(exchange, services);
    case 'server/discover': return discover(exchange, services);
    default: return exchange.json(resultText(exchange.ctx.call?.idText, {}));
  }
}

function initialize(exchange: Exchange, services: TerminalServices): void {
  const { ctx } = exchange;
  if (ctx.caller === undefined || ctx.call === undefined) return;
  const protocolVersion = negotiateLegacyVersion(ctx.call.protocolVersion);
  const params = textAt(ctx.inbound.body, memberAt(ctx.inbound.body, ['params'])) ?? '{}';
  const bytesMax = ctx.snapshot.config.session.initialize_bytes_max;
  if (Buffer.byteLength(params) > bytesMax) {
    exchange.refuse(deny('mcp_invalid_request', { reasonCode: 'initialize_too_large', message: `The params of initialize are longer than ${bytesMax} bytes.`, remediation: 'Say less in capabilities and clientInfo, or raise session.initialize_bytes_max.' }));
    return;
  }
  const { carrier } = exchange.reply;
  if (carrier?.hasSession === true) {
    exchange.refuse(deny('mcp_invalid_request', { reasonCode: 'already_initialized', message: 'This connection has its session already.', remediation: 'Open another connection for another session.' }));
    return;
  }
  const session = services.mcpSessions.open(ctx.caller.spiffeId, protocolVersion, params, ctx.nowMs);
  if (session === undefined) {
    exchange.refuse(deny('gateway_overloaded', { reasonCode: 'sessions_full', retryAfterSeconds: 1 }));
    return;
  }
  ctx.mcpSession = session;
  carrier?.openSession(session.id, protocolVersion, () => session.whenIdle(() => services.mcpSessions.close(session)));
  ctx.inbound.retain();
  // Nobody is told of a session that a restart would lose.
  services.mcpSessions.keep(session).then(
    () => exchange.guard(() => greet(exchange, services, session)),
    () => {
      services.mcpSessions.close(session);
      exchange.refuse(deny('session_unavailable_fail_closed', { reasonCode: 'session_not_kept', retryAfterSeconds: 1 }));
    },
  ).catch((fault: unknown) => exchange.fault(fault));
}

function greet(exchange: Exchange, services: TerminalServices, { id, protocolVersion }: McpSession): void {
  const { ctx } = exchange;
  const upstreams = ctx.snapshot.registry.upstreams.map((url) => services.tools.upstream(url));
  const result = { protocolVersion, capabilities: mergedCapabilities(upstreams), serverInfo: { name: 'precinct', version: services.version }, ...instructionsOf(upstreams), ...unavailable(upstreams) };
  answerScreened(exchange, services, {
    text: resultText(ctx.call?.idText, result), withheld: resultText(ctx.call?.idText, { ...result, capabilities: mergedCapabilities([]), instructions: undefined }),
    headers: [...JSON_HEADERS, ['mcp-session-id', id]],
  });
}

/** Both eras: whatever a tool server speaks, the gateway maps it. */
function discover(exchange: Exchange, services: TerminalServices): void {
  const { ctx } = exchange;
  const upstreams = ctx.snapshot.registry.upstreams.map((url) => services.tools.upstream(url));
  const result = {
    supportedVersions: SUPPORTED_VERSIONS, capabilities: mergedCapabilities(upstreams.map(mappable)), ...instructionsOf(upstreams), resultType: 'complete', ttlMs: DISCOVER_TTL_MS, cacheScope: 'private',
    _meta: { [SERVER_INFO_KEY]: { name: 'precinct', version: services.version }, ...unavailable(upstreams)._meta },
  };
  answerScreened(exchange, services, {
    text: resultText(ctx.call?.idText, result), withheld: resultText(ctx.call?.idText, { ...result, capabilities: mergedCapabilities([]), instructions: undefined }),
  });
}

function resultText(idText: string | undefined, result: unknown): string {
  return `{"jsonrpc":"2.0","id":${idText ?? 'null'},"result":${JSON.stringify(result)}}`;
}

/** Union of what the servers offer; tools are always offered, so that a client keeps asking while a server is down. */
function mergedCapabilities(upstreams: readonly UpstreamKnowledge[]): Record<string, unknown> {
  const merged: Record<string, unknown> = { tools: { listChanged: true } };
  for (const { capabilities } of upstreams) {
    for (const [name, value] of Object.entries(capabilities)) {
      const known = merged[name];
      merged[name] = isObject(known) && isObject(value) ? mergedMembers(known, value) : known ?? value;
    }
  }
  return merged;
}

/** What one of two servers can (listChanged, subscribe) is offered. */
function mergedMembers(known: Record<string, unknown>, more: Record<string, unknown>): Record<string, unknown> {
  const either = Object.entries(known).filter(([name, value]) => value === false && more[name] === true).map(([name]) => [name, true] as const);
  return { ...more, ...known, ...Object.fromEntries(either) };
}

/** What of a server with a handshake reaches a client without: not the level of log messages, which is its session's, and no change of a list but the tools', which the gateway sees itself. */
function mappable(upstream: UpstreamKnowledge): UpstreamKnowledge {
  if (upstream.modern) return upstream;
  const { logging: _level, tasks: _tasks, ...capabilities } = upstream.capabilities;
  const silent = Object.entries(capabilities).map(([name, value]): [string, unknown] => {
    if (name === 'tools' || !isObject(value)) return [name, value];
    const { listChanged: _changed, subscribe: _subscribe, ...others } = value;
    return [name, others];
  });
  return { ...upstream, capabilities: Object.fromEntries(silent) };
}

function instructionsOf(upstreams: readonly UpstreamKnowledge[]): { instructions?: string } {
  const texts = upstreams.map((upstream) => upstream.instructions).filter((text) => text !== undefined && text !== '');
  return texts.length === 0 ? {} : { instructions: texts.join('\n\n') };
}

/** Nobody should take a server that is down for one that offers nothing. */
function unavailable(upstreams: readonly UpstreamKnowledge[]): { _meta?: Record<string, unknown> } {
  const down = upstreams.filter((upstream) => upstream.state === 'down').length;
  return down === 0 ? {} : { _meta: { 'precinct/upstreamsDown': down } };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
