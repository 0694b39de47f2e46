// Which tool server a client's answer belongs to: ids are the servers' own, so that two of them may choose the same.
import type { McpSession } from '../engines/mcp-session/types.js';
import { comparableId } from './message.js';

const ASKED_MAX = 1000; // requests that wait for one client; a server that asks more than this is not asking a person

/** False when another server waits for an answer under this id, or too many wait: the answer could reach the wrong one. */
export function claimAnswer(session: McpSession, idText: string, url: string): boolean {
  const id = comparableId(idText);
  const asker = session.asked.get(id);
  if (asker === undefined ? session.asked.size >= ASKED_MAX : asker !== url) return false;
  session.asked.set(id, url);
  return true;
}

/** The server that waits for the answer with this id; asked once. */
export function takeAsker(session: McpSession, idText: string): string | undefined {
  const id = comparableId(idText);
  const asker = session.asked.get(id);
  session.asked.delete(id);
  return asker;
}
