// Which tool server a client's answer belongs to: ids are the servers' own, so that two of them may choose the same.
import type { McpSession } from '../engines/mcp-session/types.js';

const ASKED_MAX = 1000; // requests that wait for one client; a server that asks more than this is not asking a person

/** False when another server waits for an answer under this id, or too many wait: the answer could reach the wrong one. */
export function claimAnswer(session: McpSession, idText: string, url: string): boolean {
  const asker = session.asked.get(idText);
  if (asker === undefined ? session.asked.size >= ASKED_MAX : asker !== url) return false;
  session.asked.set(idText, url);
  return true;
}
