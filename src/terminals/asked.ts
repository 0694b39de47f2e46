// Which tool server a client's answer belongs to: ids are the servers' own, so that two of them may choose the same.
import type { McpSession } from '../engines/mcp-session/types.js';
import { comparableId } from '../mcp/message-id.js';

const ASKED_MAX = 1000; // requests that wait for one client; a server that asks more than this is not asking a person

/** Questions that the gateway puts itself, for servers that ask in their answers. */
const awaited = new WeakMap<McpSession, Map<string, (answer: Uint8Array) => void>>();

/** False when too many wait, or a server asked under this very id. */
export function awaitAnswer(session: McpSession, idText: string, take: (answer: Uint8Array) => void): boolean {
  const id = comparableId(idText);
  const own = awaited.get(session) ?? new Map<string, (answer: Uint8Array) => void>();
  if (own.size >= ASKED_MAX || own.has(id) || session.asked.has(id)) return false;
  awaited.set(session, own.set(id, take));
  return true;
}

export function forgetAnswer(session: McpSession, idText: string): void {
  awaited.get(session)?.delete(comparableId(idText));
}

/** Who takes the answer with this id; once. */
export function takeAwaited(session: McpSession, idText: string): ((answer: Uint8Array) => void) | undefined {
  const take = awaited.get(session)?.get(comparableId(idText));
  forgetAnswer(session, idText);
  return take;
}

/** False when another server waits for an answer under this id, or too many wait: the answer could reach the wrong one. */
export function claimAnswer(session: McpSession, idText: string, url: string): boolean {
  const id = comparableId(idText);
  if (awaited.get(session)?.has(id) === true) return false;
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
