// Which tool server gave an event its id: a session's client that comes back with Last-Event-ID is sent on to that one alone.
import type { McpSession } from '../engines/mcp-session/types.js';

const IDS_MAX = 256; // a client comes back with the last one of a stream
const ID_CHARACTERS_MAX = 1024;
/** Two servers chose this id. */
const SEVERAL = '';

const owners = new WeakMap<McpSession, Map<string, string>>();

export function noteEventOwner(session: McpSession, id: string, url: string): void {
  if (id === '' || id.length > ID_CHARACTERS_MAX) return;
  const known = owners.get(session) ?? new Map<string, string>();
  owners.set(session, known);
  const before = known.get(id);
  known.delete(id);
  known.set(id, before === undefined || before === url ? url : SEVERAL);
  const [oldest] = known.keys();
  if (oldest !== undefined && known.size > IDS_MAX) known.delete(oldest);
}

export function isEventOwner(session: McpSession, id: string, url: string): boolean {
  return owners.get(session)?.get(id) === url;
}
