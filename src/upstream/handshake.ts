// How the gateway itself greets an upstream: finds its era by server/discover, or opens a session by initialize.
import { ACCEPT_BOTH, JSON_TYPE } from '../mcp/media-types.js';
import { UNSUPPORTED_VERSION } from '../mcp/rpc-codes.js';
import { LEGACY_VERSIONS, MODERN_VERSIONS } from '../mcp/versions.js';
import type { Era } from '../mcp/types.js';
import { askUpstream, AskFault, type AskAnswer } from './message-reader.js';
import type { UpstreamClient } from './types.js';

export interface Greeting {
  readonly client: UpstreamClient;
  readonly url: string;
  /** What the gateway says it is. Never evidence for anything. */
  readonly clientInfo: { readonly name: string; readonly version: string };
  readonly answerBytesMax: number;
  /** What the gateway claims to be able to do; absent = nothing, so that no server asks it anything. */
  readonly capabilities?: Readonly<Record<string, unknown>>;
}

/** How later requests of the gateway go to this upstream. */
export interface UpstreamSession {
  readonly era: Era;
  readonly protocolVersion: string;
  /** What it says it speaks: discovered, or the one it agreed to. */
  readonly versions: readonly string[];
  /** Undefined: the upstream keeps no session. */
  readonly sessionId: string | undefined;
  readonly serverInfo: Readonly<Record<string, unknown>>;
  readonly capabilities: Readonly<Record<string, unknown>>;
  readonly instructions: string | undefined;
}

const SERVER_INFO_KEY = 'io.modelcontextprotocol/serverInfo';
const VERSIONS_MAX = 32; // kept for people to read
const VERSION_CHARS_MAX = 40;
const CLOSE_TIMEOUT_MS = 1_000; // a goodbye that nobody waits for
export const SESSION_ID_FORM = /^[\x21-\x7e]{1,1024}$/; // 2025-11-25, basic/transports: visible ASCII; the bound is ours

/** Undefined: the upstream answered, but speaks no version without a handshake. Rejects with AskFault when it did not answer. */
export async function discover(greeting: Greeting, timeoutMs: number): Promise<UpstreamSession | undefined> {
  for (const version of MODERN_VERSIONS) {
    try {
      const { result } = await askDiscovery(greeting, version, timeoutMs);
      const found = objectOf(result);
      const versions = found.supportedVersions;
      const protocolVersion = Array.isArray(versions) ? MODERN_VERSIONS.find((one) => versions.includes(one)) : undefined;
      if (protocolVersion !== undefined) return sessionOf('modern', protocolVersion, namedVersions(versions), undefined, found, objectOf(objectOf(found._meta)[SERVER_INFO_KEY]));
    } catch (error) {
      if (!(error instanceof AskFault) || !answersLegacy(error)) throw error;
    }
  }
  return undefined;
}

/** A server that refuses the version and names it, or another one of this era, among those it speaks is asked once more (2026-07-28, versioning). */
async function askDiscovery(greeting: Greeting, version: string, timeoutMs: number): Promise<AskAnswer> {
  try {
    return await askModern(greeting, version, 'server/discover', {}, timeoutMs);
  } catch (error) {
    const named = error instanceof AskFault && error.rpcCode === UNSUPPORTED_VERSION && Array.isArray(error.supported) ? error.supported : [];
    const mutual = MODERN_VERSIONS.find((one) => named.includes(one));
    if (mutual === undefined) throw error;
    return askModern(greeting, mutual, 'server/discover', {}, timeoutMs);
  }
}

/** An upstream of an older era refuses the probe in many ways; one that can't be reached refuses nothing. */
function answersLegacy(fault: AskFault): boolean {
  switch (fault.kind) {
    case 'status': case 'not_mcp': case 'rpc_error': return true;
    case 'transport': case 'timeout': case 'protocol': case 'too_large': return false;
  }
}

/** initialize and notifications/initialized. Rejects with AskFault. */
export async function initialize(greeting: Greeting, timeoutMs: number): Promise<UpstreamSession> {
  const params = { protocolVersion: LEGACY_VERSIONS[0], capabilities: greeting.capabilities ?? {}, clientInfo: greeting.clientInfo };
  const answer = await post(greeting, {}, { jsonrpc: '2.0', id: 1, method: 'initialize', params }, timeoutMs);
  const result = objectOf(answer.result);
  const protocolVersion = LEGACY_VERSIONS.find((one) => one === result.protocolVersion);
  const sessionId = answer.headers['mcp-session-id'];
  if (protocolVersion === undefined) throw new AskFault('not_mcp', 'it answered initialize with a protocol version this gateway does not speak', { status: answer.status });
  if (sessionId !== undefined && !SESSION_ID_FORM.test(sessionId)) throw new AskFault('not_mcp', 'it gave a malformed session id', { status: answer.status });
  const session = sessionOf('legacy', protocolVersion, [protocolVersion], sessionId, result, objectOf(result.serverInfo));
  await post(greeting, sessionHeaders(session), { jsonrpc: '2.0', method: 'notifications/initialized' }, timeoutMs);
  return session;
}

/** One request within a session of either era. Rejects with AskFault. */
export function askInSession(greeting: Greeting, session: UpstreamSession, id: number, method: string, params: Readonly<Record<string, unknown>>, timeoutMs: number): Promise<AskAnswer> {
  if (session.era === 'modern') return askModern(greeting, session.protocolVersion, method, params, timeoutMs, id);
  return post(greeting, sessionHeaders(session), { jsonrpc: '2.0', id, method, params }, timeoutMs);
}

/** Tells the upstream that its session ends; resolves whatever it says. */
export async function endSession(greeting: Greeting, session: UpstreamSession): Promise<void> {
  if (session.sessionId === undefined) return;
  const request = { url: greeting.url, httpMethod: 'DELETE', headers: sessionHeaders(session), body: undefined, answerTimeoutMs: CLOSE_TIMEOUT_MS, idleTimeoutMs: CLOSE_TIMEOUT_MS } as const;
  await askUpstream(greeting.client, request, undefined, greeting.answerBytesMax).catch(() => undefined);
}

/** What goes with every request of a legacy session. */
export function sessionHeaders(session: UpstreamSession): Record<string, string> {
  const headers: Record<string, string> = { 'mcp-protocol-version': session.protocolVersion };
  if (session.sessionId !== undefined) headers['mcp-session-id'] = session.sessionId;
  return headers;
}

function askModern(greeting: Greeting, version: string, method: string, params: Readonly<Record<string, unknown>>, timeoutMs: number, id = 1): Promise<AskAnswer> {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': version,
    'io.modelcontextprotocol/clientCapabilities': greeting.capabilities ?? {},
    'io.modelcontextprotocol/clientInfo': greeting.clientInfo,
  };
  const message = { jsonrpc: '2.0', id, method, params: { ...params, _meta: meta } };
  return post(greeting, { 'mcp-protocol-version': version, 'mcp-method': method }, message, timeoutMs);
}

function post(greeting: Greeting, headers: Record<string, string>, message: Readonly<Record<string, unknown>> & { readonly id?: number }, timeoutMs: number): Promise<AskAnswer> {
  return askUpstream(greeting.client, {
    url: greeting.url, httpMethod: 'POST', body: Buffer.from(JSON.stringify(message)),
    headers: { ...headers, 'content-type': JSON_TYPE, accept: ACCEPT_BOTH },
    answerTimeoutMs: timeoutMs, idleTimeoutMs: timeoutMs,
  }, message.id, greeting.answerBytesMax);
}

function sessionOf(era: Era, protocolVersion: string, versions: readonly string[], sessionId: string | undefined, result: Readonly<Record<string, unknown>>, serverInfo: Readonly<Record<string, unknown>>): UpstreamSession {
  const instructions = typeof result.instructions === 'string' ? result.instructions : undefined;
  return Object.freeze({ era, protocolVersion, versions, sessionId, serverInfo, capabilities: objectOf(result.capabilities), instructions });
}

/** As far as they are readable: a server may write what it likes. */
function namedVersions(versions: unknown): string[] {
  const named = Array.isArray(versions) ? versions.filter((one): one is string => typeof one === 'string' && one.length <= VERSION_CHARS_MAX) : [];
  return named.slice(0, VERSIONS_MAX);
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
