// Which session a message travels in: none (2026-07-28), the client's own one with that server, or the gateway's for callers without one. Where the
// server is of the other era, the leg says so.
import type { MirrorHeaders } from '../mcp/eras.js';
import { encodeMirroredHeader } from '../mcp/header-mirror.js';
import { ACCEPT_BOTH, JSON_TYPE } from '../mcp/media-types.js';
import { METHODS } from '../mcp/methods.js';
import { eraOfVersion, negotiateLegacyVersion, LEGACY_VERSION_ASSUMED, LEGACY_VERSIONS, MODERN_VERSIONS } from '../mcp/versions.js';
import { traceparent } from '../base/ids/trace-context.js';
import { memberAt, stringAt } from '../base/json/members.js';
import type { Context } from '../chain/context.js';
import { deny, type Deny } from '../chain/verdict.js';
import type { McpSession, UpstreamBinding } from '../engines/mcp-session/types.js';
import { SESSION_ID_FORM } from '../upstream/handshake.js';
import type { UpstreamRequest } from '../upstream/types.js';
import { accessRefusal, HTTP_OK, NO_SINK } from './answers.js';
import { ask, AskRefused, type Asker } from './ask.js';
import type { Leg, Legs } from './services.js';

const POST_HEADERS = { 'content-type': JSON_TYPE, accept: ACCEPT_BOTH } as const;
const INITIALIZED = Buffer.from('{"jsonrpc":"2.0","method":"notifications/initialized"}');

export interface LegOptions {
  readonly asker: Asker;
  /** What the gateway says of itself when it opens its own session. */
  readonly ownInitializeParams: string;
  readonly timeouts: { readonly answerMs: number; readonly idleMs: number };
  /** Whether this upstream speaks 2026-07-28. */
  readonly isModern: (url: string) => boolean | undefined;
}

export function createLegs(options: LegOptions): Legs {
  const own = new Map<string, Promise<UpstreamBinding>>();
  const ownReady = new Map<string, UpstreamBinding>();
  const opening = new WeakMap<McpSession, Map<string, Promise<UpstreamBinding>>>();
  /** Servers of 2026-07-28 that refused the gateway's own handshake: discovery names the versions without one only. As many as are registered. */
  const withoutHandshake = new Set<string>();
  const isModernOnly = (url: string): boolean => withoutHandshake.has(url) && options.isModern(url) === true;

  const request = (url: string, httpMethod: 'POST' | 'DELETE', headers: Record<string, string>, body: Uint8Array | undefined): UpstreamRequest =>
    ({ url, httpMethod, headers, body, answerTimeoutMs: options.timeouts.answerMs, idleTimeoutMs: options.timeouts.idleMs });

  const openSession = async (url: string, initializeParams: string): Promise<UpstreamBinding> => {
    const body = Buffer.from(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":${initializeParams}}`);
    const answer = await ask(options.asker, request(url, 'POST', { ...POST_HEADERS }, body));
    if (answer.status !== HTTP_OK) throw new AskRefused(accessRefusal(answer.status) ?? deny('mcp_request_failed', { reasonCode: 'initialize_refused', details: { upstream_status: answer.status } }), answer.status);
    const protocolVersion = negotiatedVersion(answer.bytes);
    if (protocolVersion === undefined) throw new AskRefused(deny('mcp_invalid_response', { reasonCode: 'initialize_answer' }), answer.status);
    const sessionId = answer.headers['mcp-session-id'] ?? '';
    // It is kept for as long as the session, once for each of them.
    if (sessionId !== '' && !SESSION_ID_FORM.test(sessionId)) throw new AskRefused(deny('mcp_invalid_response', { reasonCode: 'session_id' }), answer.status);
    const binding = { sessionId, protocolVersion };
    await ask(options.asker, request(url, 'POST', headersOf(binding), INITIALIZED));
    return binding;
  };

  const shared = (url: string): Promise<UpstreamBinding> => {
    const known = own.get(url);
    if (known !== undefined) return known;
    const opened = openSession(url, options.ownInitializeParams);
    own.set(url, opened);
    opened.then((binding) => ownReady.set(url, binding), () => own.delete(url));
    return opened;
  };

  const forClient = (session: McpSession, url: string): Promise<UpstreamBinding> => {
    const inProgress = opening.get(session) ?? new Map<string, Promise<UpstreamBinding>>();
    opening.set(session, inProgress);
    const known = inProgress.get(url);
    if (known !== undefined) return known;
    const opened = openSession(url, session.initializeParams);
    inProgress.set(url, opened);
    void opened.then((binding) => session.upstreams.set(url, binding), () => undefined).finally(() => {
      inProgress.delete(url);
      if (inProgress.size === 0) opening.delete(session);
    });
    return opened;
  };

  const whenOpen = (ctx: Context, url: string, binding: Promise<UpstreamBinding>, isShared: boolean, ready: (leg: Leg) => void, failed: (refusal: Deny) => void): void => {
    ctx.inbound.retain();
    const fail = (cause: unknown): void => failed(cause instanceof AskRefused ? cause.refusal : deny('mcp_transport_failed', { reasonCode: 'session_not_opened' }));
    binding.then(
      (open) => ready(legOf(ctx, url, open, isShared)),
      (cause: unknown) => {
        if (!isRefusedHandshake(cause) || options.isModern(url) !== true) return fail(cause);
        // In a client's session the handshake carries what the client wrote: whether the server has one at all, the gateway's own says.
        shared(url).then(() => fail(cause), (own: unknown) => {
          if (!isRefusedHandshake(own)) return fail(cause);
          withoutHandshake.add(url);
          ready(mappedLeg(ctx, url));
        });
      },
    );
  };

  const known = (ctx: Context, url: string): Leg | undefined => {
    if (ctx.call?.era === 'modern') {
      if (options.isModern(url) !== false) return { url, headers: modernHeaders(ctx), shared: false, sessionBound: false };
      const open = ownReady.get(url);
      return open === undefined ? undefined : legOf(ctx, url, open, true);
    }
    if (isModernOnly(url)) return mappedLeg(ctx, url);
    const session = ctx.mcpSession;
    const isShared = session === undefined || session === 'none';
    const bound = isShared ? ownReady.get(url) : session.upstreams.get(url);
    return bound === undefined ? undefined : legOf(ctx, url, bound, isShared);
  };

  return {
    known,
    open(ctx, url, ready, failed) {
      const leg = known(ctx, url);
      if (leg !== undefined) ready(leg);
      else if (ctx.mcpSession !== undefined && ctx.mcpSession !== 'none') whenOpen(ctx, url, forClient(ctx.mcpSession, url), false, ready, failed);
      else whenOpen(ctx, url, shared(url), true, ready, failed);
    },
    forget(ctx, leg) {
      // Another call may have renewed it meanwhile: then the new one stays.
      const lost = leg.headers['mcp-session-id'];
      if (leg.shared) {
        if (ownReady.get(leg.url)?.sessionId !== lost) return;
        own.delete(leg.url);
        ownReady.delete(leg.url);
      } else if (ctx.mcpSession !== undefined && ctx.mcpSession !== 'none' && ctx.mcpSession.upstreams.get(leg.url)?.sessionId === lost) {
        ctx.mcpSession.upstreams.delete(leg.url);
      }
    },
    closeSession(session) {
      for (const [url, binding] of session.upstreams) {
        if (binding.sessionId === '') continue;
        options.asker.client.send(request(url, 'DELETE', { 'mcp-session-id': binding.sessionId, 'mcp-protocol-version': binding.protocolVersion }, undefined), NO_SINK);
      }
      session.upstreams.clear();
    },
  };
}

/** A session with the server that is this client's alone, and not a name in a process that all share. */
export function isOwnSession(ctx: Context, { url, shared, sessionBound }: Leg): boolean {
  const transport = ctx.snapshot.registry.servers.get(url)?.transport;
  return sessionBound && !shared && (transport?.kind !== 'stdio' || transport.program.instance === 'session');
}

function legOf(ctx: Context, url: string, binding: UpstreamBinding, isShared: boolean): Leg {
  const headers = headersOf(binding);
  passHeaders(ctx, headers);
  const leg = { url, headers, shared: isShared, sessionBound: binding.sessionId !== '' };
  return ctx.call?.era === 'modern' ? { ...leg, mappedTo: 'legacy' } : leg;
}

/** As servers without a handshake answer one. Who is busy, or wants to know who asks, may have one all the same. */
const WITHOUT_HANDSHAKE: ReadonlySet<number> = new Set([200, 400, 404, 405]);

function isRefusedHandshake(cause: unknown): boolean {
  return cause instanceof AskRefused && WITHOUT_HANDSHAKE.has(cause.status);
}

/** From a client with a handshake to a server without: the headers that 2026-07-28 wants (basic/transports). */
function mappedLeg(ctx: Context, url: string): Leg {
  const { method = '', name = '', uri = '' } = ctx.call ?? {};
  const headers: Record<string, string> = {
    'content-type': POST_HEADERS['content-type'], accept: POST_HEADERS.accept, 'mcp-protocol-version': MODERN_VERSIONS[0] ?? LEGACY_VERSION_ASSUMED, 'mcp-method': method,
  };
  passHeaders(ctx, headers);
  const nameFrom = METHODS.get(method)?.nameFrom;
  if (nameFrom !== undefined) headers['mcp-name'] = encodeMirroredHeader(aliasOf(ctx) ?? (nameFrom === 'name' ? name : uri));
  return { url, headers, shared: false, sessionBound: false, mappedTo: 'modern' };
}

function headersOf(binding: UpstreamBinding): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': POST_HEADERS['content-type'], accept: POST_HEADERS.accept, 'mcp-protocol-version': binding.protocolVersion };
  if (binding.sessionId !== '') headers['mcp-session-id'] = binding.sessionId;
  return headers;
}

function modernHeaders(ctx: Context): Record<string, string> {
  const { mcpProtocolVersion, mcpMethod, mcpName } = mirrorsOf(ctx);
  const headers: Record<string, string> = { 'content-type': POST_HEADERS['content-type'], accept: POST_HEADERS.accept, 'mcp-protocol-version': mcpProtocolVersion, 'mcp-method': mcpMethod };
  passHeaders(ctx, headers);
  const alias = aliasOf(ctx);
  if (alias !== undefined) headers['mcp-name'] = encodeMirroredHeader(alias);
  else if (mcpName !== '') headers['mcp-name'] = mcpName;
  return headers;
}

/** The called tool's name on its server, where agents know it by another. */
export function aliasOf({ tool }: Context): string | undefined {
  if (tool === undefined || tool === 'none') return undefined;
  const { name, servedName } = tool.registered;
  return servedName === name ? undefined : servedName;
}

/** A client without headers of its own (WebSocket) has mirrored nothing: over HTTP the server is owed it all the same (2026-07-28, basic/transports). */
function mirrorsOf({ call, inbound }: Context): Pick<MirrorHeaders, 'mcpProtocolVersion' | 'mcpMethod' | 'mcpName'> {
  if (call === undefined || !inbound.headers.headerless) return inbound.headers;
  const source = METHODS.get(call.method)?.nameFrom;
  return { mcpProtocolVersion: call.protocolVersion, mcpMethod: encodeMirroredHeader(call.method), mcpName: source === undefined ? '' : encodeMirroredHeader(call[source]) };
}

/** What the caller sent for the server, and the trace with the gateway's span as the parent. Bearer tokens are never among them. */
function passHeaders(ctx: Context, headers: Record<string, string>): void {
  for (const [name, value] of ctx.inbound.headers.forwarded) {
    const before = headers[name];
    headers[name] = before === undefined ? value : `${before}, ${value}`; // RFC 9110, section 5.3: a list, as the server would have read it
  }
  headers['traceparent'] = traceparent(ctx.traceId, ctx.spanId, ctx.sampling.passedOn);
  if (ctx.inbound.headers.tracestate !== '') headers['tracestate'] = ctx.inbound.headers.tracestate;
}

function negotiatedVersion(answer: Uint8Array): string | undefined {
  const version = stringAt(answer, memberAt(answer, ['result', 'protocolVersion']));
  return version !== undefined && eraOfVersion(version) === 'legacy' ? version : undefined;
}

/** The gateway as a client of its own: no capabilities, so that no server asks it anything. */
export function ownInitializeParams(version: string): string {
  return JSON.stringify({ protocolVersion: negotiateLegacyVersion(LEGACY_VERSIONS[0] ?? ''), capabilities: {}, clientInfo: { name: 'precinct', version } });
}
