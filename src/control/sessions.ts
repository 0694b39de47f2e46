// GET /v1/sessions: the MCP sessions there are; POST /v1/sessions/end: ends one, or all of a caller.
import { isSessionId, sessionKey } from '../engines/mcp-session/session-key.js';
import type { ControlParts } from './parts.js';
import { optionalText } from './reading.js';
import { ControlFault, type Route } from './server.js';

const SHOWN_DIGITS = 16; // of the key: 64 bits, and no way back to the id
const NAME_FORM = /^[0-9a-f]{8,16}$/;

export function sessionRoutes({ sessions }: ControlParts): Route[] {
  return [
    { method: 'GET', path: '/v1/sessions', answer: async ({ query }) => ({ status: 200, json: await list(sessions, query.get('caller') ?? '') }) },
    { method: 'POST', path: '/v1/sessions/end', answer: async ({ body }) => ({ status: 200, json: { ended: await end(sessions, optionalText(body, 'id') ?? '', optionalText(body, 'caller') ?? '') } }) },
  ];
}

async function list(sessions: ControlParts['sessions'], caller: string): Promise<unknown> {
  const found = await sessions.list(caller);
  return {
    total: found.total,
    sessions: found.sessions.map((one) => ({
      id: one.key.slice(0, SHOWN_DIGITS), caller: one.caller, protocol_version: one.protocolVersion, created_at: new Date(one.createdMs).toISOString(), used_at: new Date(one.usedMs).toISOString(),
      state: one.thread === undefined ? 'sleeping' : 'open', thread: one.thread ?? null, upstreams: one.upstreams, streams: one.streams,
    })),
  };
}

/** A session is named as the list shows it, or by its whole id. */
function end(sessions: ControlParts['sessions'], id: string, caller: string): Promise<number> {
  if ((id === '') === (caller === '')) throw new ControlFault(400, 'member_wrong', 'name one session with id, or a caller with caller');
  if (caller !== '') return sessions.end('', caller, 'revoked');
  const prefix = isSessionId(id) ? sessionKey(id) : id;
  if (prefix === id && !NAME_FORM.test(id)) throw new ControlFault(400, 'member_wrong', 'id must be 8 to 16 hexadecimal digits of the session as the list shows it, or the whole session id', { remediation: 'See agw inspect sessions.' });
  if (sessions.count(prefix) > 1) throw new ControlFault(409, 'ambiguous', 'more than one session begins like this', { remediation: 'Give more of its digits: agw inspect sessions.' });
  return sessions.end(prefix, '', 'revoked');
}
