// The two ways a question is carried: 2026-07-28, where each says all of itself; 2025-11-25, within a session.
import { LEGACY_VERSION, MODERN_VERSION, type Settings } from './options.js';
import { headerValue } from './param-headers.js';
import type { Channel, Question } from './wire.js';

const META = 'io.modelcontextprotocol/';

export function modernChannel({ clientInfo }: Pick<Settings, 'clientInfo'>): Channel {
  const meta = { [`${META}protocolVersion`]: MODERN_VERSION, [`${META}clientInfo`]: clientInfo, [`${META}clientCapabilities`]: {} };
  return {
    isSession: false,
    headers: ({ method, name, headers }: Question) => ({ 'mcp-protocol-version': MODERN_VERSION, 'mcp-method': method, ...(name === '' ? {} : { 'mcp-name': headerValue(name) }), ...headers() }),
    meta: () => meta,
    // A server of this version asks nothing by itself, and a closed stream is the cancel.
    onRequest: () => undefined,
    onGivenUp: () => undefined,
  };
}

/** Before there is a session: initialize. */
export function openingChannel(): Channel {
  return { isSession: false, headers: () => ({}), meta: () => ({}), onRequest: () => undefined, onGivenUp: () => undefined };
}

export function sessionHeaders(id: string | undefined, version: string = LEGACY_VERSION): Readonly<Record<string, string>> {
  return { 'mcp-protocol-version': version, ...(id === undefined ? {} : { 'mcp-session-id': id }) };
}
