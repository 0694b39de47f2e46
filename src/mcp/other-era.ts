// One message for a server, or from a server, of the other era: the members that differ are changed, every other byte stays (docs/mcp.md has the table).
import { replaceSpan, withMembers } from '../base/json/edits.js';
import { isObjectAt, memberAt, memberOf, textAt } from '../base/json/members.js';
import { META_CLIENT_CAPABILITIES, META_PROTOCOL_VERSION } from './eras.js';
import { INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND } from './rpc-codes.js';
import { MODERN_VERSIONS } from './versions.js';

export const META_CLIENT_INFO = 'io.modelcontextprotocol/clientInfo';
export const META_LOG_LEVEL = 'io.modelcontextprotocol/logLevel';
/** What a modern request says of its client, and what a server with a handshake could take for a sign of the other era. */
const REQUEST_KEYS: ReadonlySet<string> = new Set([META_PROTOCOL_VERSION, META_CLIENT_CAPABILITIES, META_CLIENT_INFO, META_LOG_LEVEL]);
const ROUND_KEYS: ReadonlySet<string> = new Set(['inputResponses', 'requestState']);
const CACHE_KEYS: ReadonlySet<string> = new Set(['ttlMs', 'cacheScope']);
const NONE: ReadonlySet<string> = new Set();

/** Results that say how long, and for whom, they may be kept (2026-07-28, server/utilities/caching). */
export const CACHEABLE: ReadonlySet<string> = new Set(['server/discover', 'tools/list', 'prompts/list', 'resources/list', 'resources/templates/list', 'resources/read']);

/** Numbers that 2026-07-28 no longer has: resource not found, URL elicitation required. */
const NUMBERS_OF_OLD: Readonly<Record<string, number>> = { '-32002': INVALID_PARAMS, '-32042': INTERNAL_ERROR };

/** What a client says of itself, as raw JSON texts. */
export interface ClientFacts {
  readonly capabilities: string;
  readonly info: string;
  /** Undefined = it wants no log messages. */
  readonly logLevel?: string | undefined;
}

export function modernMetaMembers(client: ClientFacts): string[] {
  return [
    `"${META_PROTOCOL_VERSION}":${JSON.stringify(MODERN_VERSIONS[0])}`, `"${META_CLIENT_CAPABILITIES}":${client.capabilities}`, `"${META_CLIENT_INFO}":${client.info}`,
    ...(client.logLevel === undefined ? [] : [`"${META_LOG_LEVEL}":${JSON.stringify(client.logLevel)}`]),
  ];
}

/** A caller's `_meta` (raw text, '' = none) for a server of 2026-07-28. */
export function modernMeta(metaText: string, client: ClientFacts): string {
  return changedMeta(metaText, modernMetaMembers(client));
}

/** The same for a server with a handshake; '' = none. */
export function legacyMeta(metaText: string): string {
  return metaText === '' ? '' : changedMeta(metaText, []);
}

function changedMeta(metaText: string, added: readonly string[]): string {
  const bytes = Buffer.from(metaText);
  return withMembers(bytes, { from: 0, to: bytes.length }, REQUEST_KEYS, added).toString('utf8');
}

/** `more`: further members of params, as texts; they replace those of the same request before. */
export function toModernRequest(bytes: Uint8Array, client: ClientFacts, more: readonly string[] = []): Uint8Array {
  const members = modernMetaMembers(client);
  const params = memberAt(bytes, ['params']);
  if (params === undefined) {
    return withMembers(bytes, { from: 0, to: bytes.length }, NONE, [`"params":{"_meta":{${members.join(',')}}}`]);
  }
  const meta = memberOf(bytes, params, '_meta');
  const own = isObjectAt(bytes, meta) ? withMembers(bytes, meta, REQUEST_KEYS, members).toString('utf8') : `{${members.join(',')}}`;
  return replaceSpan(bytes, params, withMembers(bytes, params, new Set(['_meta', ...(more.length > 0 ? ROUND_KEYS : [])]), [`"_meta":${own}`, ...more]));
}

export function toLegacyRequest(bytes: Uint8Array): Uint8Array {
  const meta = memberAt(bytes, ['params', '_meta']);
  return !isObjectAt(bytes, meta) ? bytes : replaceSpan(bytes, meta, withMembers(bytes, meta, REQUEST_KEYS, []));
}

/** An answer from a server with a handshake, for a client of 2026-07-28. Nothing of it may be kept: the server did not say for how long. */
export function toModernAnswer(bytes: Uint8Array, method: string): Uint8Array {
  const result = memberAt(bytes, ['result']);
  if (result === undefined) return toModernError(bytes);
  const added = memberOf(bytes, result, 'resultType') === undefined ? ['"resultType":"complete"'] : [];
  if (!CACHEABLE.has(method)) return added.length === 0 ? bytes : replaceSpan(bytes, result, withMembers(bytes, result, NONE, added));
  return replaceSpan(bytes, result, withMembers(bytes, result, CACHE_KEYS, [...added, '"ttlMs":0', '"cacheScope":"private"']));
}

function toModernError(bytes: Uint8Array): Uint8Array {
  const code = memberAt(bytes, ['error', 'code']);
  const number = code === undefined ? undefined : NUMBERS_OF_OLD[textAt(bytes, code)];
  return code === undefined || number === undefined ? bytes : replaceSpan(bytes, code, String(number));
}

/** What was served to one caller under the gateway's policies is for nobody else. */
export function toPrivate(bytes: Uint8Array): Uint8Array {
  const scope = memberAt(bytes, ['result', 'cacheScope']);
  return scope === undefined ? bytes : replaceSpan(bytes, scope, '"private"');
}

export function isMethodNotFound(bytes: Uint8Array): boolean {
  return textAt(bytes, memberAt(bytes, ['error', 'code'])) === String(METHOD_NOT_FOUND);
}
