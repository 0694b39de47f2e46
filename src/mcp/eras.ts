// Decides a message's era and version, and refuses headers that contradict the body: who decides by headers must not be fooled by them.
import { SLOT } from '../base/json/types.js';
import { counterpartOf } from './counterparts.js';
import { decodeMirroredHeader } from './header-mirror.js';
import { METHODS } from './methods.js';
import { HEADER_MISMATCH, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, UNSUPPORTED_VERSION } from './rpc-codes.js';
import type { Spans } from './spans.js';
import type { Call, Era, ParsedCall } from './types.js';
import { eraOfVersion, LEGACY_VERSION_ASSUMED, MODERN_VERSIONS, SUPPORTED_VERSIONS } from './versions.js';

/** '' = the header is absent. */
export interface MirrorHeaders {
  readonly mcpProtocolVersion: string;
  readonly mcpMethod: string;
  readonly mcpName: string;
  readonly mcpSessionId: string;
  /** They are the connection's, not the message's (WebSocket): nothing is mirrored, and 2026-07-28 is stateless beside a session. */
  readonly headerless?: boolean;
}

export const META_PROTOCOL_VERSION = 'io.modelcontextprotocol/protocolVersion';
export const META_CLIENT_CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
/** A version is a date; what is longer is no version and is not echoed. */
const VERSION_CHARS_MAX = 64;

function refuse(call: Call, rpcCode: number, message: string, data?: Readonly<Record<string, unknown>>): ParsedCall {
  return { ok: false, error: { rpcCode, httpStatus: 400, message, idText: call.kind === 'response' ? undefined : call.idText, ...(data === undefined ? {} : { data }) } };
}

/** What a server asks there stands in its answer (2026-07-28, basic/patterns/mrtr). */
function answerPosted(): ParsedCall {
  return { ok: false, error: { rpcCode: INVALID_REQUEST, httpStatus: 400, message: 'Answers cannot be posted in this protocol version.', idText: undefined, remediation: 'Send the call that asked again, with inputResponses.' } };
}

function mismatch(call: Call, header: string): ParsedCall {
  return refuse(call, HEADER_MISMATCH, `The header ${header} is missing or differs from the body.`, { header });
}

function unsupported(call: Call, requested: string, supported: readonly string[]): ParsedCall {
  return refuse(call, UNSUPPORTED_VERSION, 'Unsupported protocol version.', { supported, requested: requested.slice(0, VERSION_CHARS_MAX) });
}

/** Undefined when every mirror header that is present says what the body says. */
function checkMirrors(call: Call, headers: MirrorHeaders): ParsedCall | undefined {
  if (headers.mcpMethod !== '' && headers.mcpMethod !== call.method) return mismatch(call, 'Mcp-Method');
  if (headers.mcpName === '') return undefined;
  const source = METHODS.get(call.method)?.nameFrom;
  if (source === undefined) return undefined;
  return decodeMirroredHeader(headers.mcpName) === call[source] ? undefined : mismatch(call, 'Mcp-Name');
}

/** 2026-07-28 wants all three on every request; notifications are exempt. */
function checkPresence(call: Call, headers: MirrorHeaders): ParsedCall | undefined {
  if (call.kind !== 'request' || headers.headerless === true) return undefined;
  if (headers.mcpProtocolVersion === '') return mismatch(call, 'MCP-Protocol-Version');
  if (headers.mcpMethod === '') return mismatch(call, 'Mcp-Method');
  return headers.mcpName === '' && METHODS.get(call.method)?.nameFrom !== undefined ? mismatch(call, 'Mcp-Name') : undefined;
}

/** A Call whose era and version are still to be filled in; one object, because this is on the way of every call. */
export type Draft = { -readonly [Member in keyof Call]: Call[Member] };

function settle(draft: Draft, era: Era, protocolVersion: string): ParsedCall {
  draft.era = era;
  draft.protocolVersion = protocolVersion;
  return { ok: true, call: draft };
}

function checkModern(call: Draft, claim: string, spans: Spans, headers: MirrorHeaders): ParsedCall {
  const header = headers.mcpProtocolVersion;
  if (header !== '' && header !== claim && headers.headerless !== true) return mismatch(call, 'MCP-Protocol-Version');
  // Only what server/discover names: a version with a handshake cannot be claimed in `_meta`.
  if (eraOfVersion(claim) !== 'modern') return unsupported(call, claim, MODERN_VERSIONS);
  const wrong = checkPresence(call, headers) ?? checkMirrors(call, headers);
  if (wrong !== undefined) return wrong;
  if (call.kind === 'request' && !(spans.has(SLOT.metaClientCapabilities) && spans.isObject(SLOT.metaClientCapabilities))) {
    return refuse(call, INVALID_PARAMS, `params._meta lacks ${META_CLIENT_CAPABILITIES}, an object.`, { missing: [META_CLIENT_CAPABILITIES] });
  }
  return settle(call, 'modern', claim);
}

function checkInitialize(call: Draft, spans: Spans, headers: MirrorHeaders): ParsedCall {
  if (eraOfVersion(headers.mcpProtocolVersion) === 'modern') return mismatch(call, 'MCP-Protocol-Version');
  const asked = spans.text(SLOT.protocolVersion);
  if (asked === undefined) return refuse(call, INVALID_PARAMS, 'initialize needs params.protocolVersion, a string.');
  return checkMirrors(call, headers) ?? settle(call, 'legacy', asked.slice(0, VERSION_CHARS_MAX));
}

function checkLegacy(call: Draft, headers: MirrorHeaders): ParsedCall {
  const version = headers.mcpProtocolVersion;
  if (version !== '' && eraOfVersion(version) !== 'legacy') return unsupported(call, version, SUPPORTED_VERSIONS);
  // A legacy client need not send the mirrors; if it does, a contradiction is as much of a trick as in the modern era.
  return checkMirrors(call, headers) ?? settle(call, 'legacy', version === '' && headers.mcpSessionId !== '' ? LEGACY_VERSION_ASSUMED : version);
}

/** A request of the older era that claims a version which no longer has its method (2026-07-28, changelog): 404, whatever its params are. Undefined = none such. */
export function refuseRemovedMethod(method: string, idText: string | undefined, spans: Spans): ParsedCall | undefined {
  const row = METHODS.get(method);
  if (row?.kind !== 'request' || row.eras.includes('modern') || !spans.has(SLOT.metaProtocolVersion)) return undefined;
  const claim = spans.text(SLOT.metaProtocolVersion);
  if (claim === undefined || eraOfVersion(claim) !== 'modern') return undefined;
  return { ok: false, error: { rpcCode: METHOD_NOT_FOUND, httpStatus: 404, message: `${method} is no method of ${claim}.`, idText, remediation: counterpartOf(method) } };
}

/** What names no version itself, under a header that names a modern one. */
function checkModernHeaderOnly(call: Draft, headers: MirrorHeaders): ParsedCall {
  if (call.kind === 'response') return answerPosted();
  if (call.kind === 'request') return refuse(call, INVALID_PARAMS, `params._meta lacks ${META_PROTOCOL_VERSION}.`, { missing: [META_PROTOCOL_VERSION] });
  return checkMirrors(call, headers) ?? settle(call, 'modern', headers.mcpProtocolVersion);
}

/**
 * Era by the body first (2026-07-28, versioning): a version in `_meta` makes it modern, initialize legacy; only a notification takes
 * its era from the header. Returns the draft with era and version filled in.
 */
export function checkEra(draft: Draft, spans: Spans, headers: MirrorHeaders): ParsedCall {
  if (draft.kind !== 'response' && spans.has(SLOT.metaProtocolVersion)) {
    const claim = spans.text(SLOT.metaProtocolVersion);
    if (claim === undefined) return refuse(draft, INVALID_PARAMS, `params._meta["${META_PROTOCOL_VERSION}"] must be a string.`);
    return checkModern(draft, claim, spans, headers);
  }
  if (draft.method === 'initialize') return checkInitialize(draft, spans, headers);
  if (eraOfVersion(headers.mcpProtocolVersion) === 'modern') return checkModernHeaderOnly(draft, headers);
  return checkLegacy(draft, headers);
}
