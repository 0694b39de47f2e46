// resources/subscribe of a client with a handshake, where the server is of 2026-07-28: the session keeps what it watches, and its streams ask the server for it.
import type { McpSession } from '../engines/mcp-session/types.js';
import { SUBSCRIBED_URIS_MAX } from '../mcp/subscriptions.js';

interface Watched {
  /** By server, as one of them may serve what another does not. */
  readonly uris: Map<string, Set<string>>;
  readonly streams: Set<() => void>;
}

const sessions = new WeakMap<McpSession, Watched>();

function of(session: McpSession): Watched {
  const known = sessions.get(session) ?? { uris: new Map<string, Set<string>>(), streams: new Set<() => void>() };
  sessions.set(session, known);
  return known;
}

export function watchedAt(session: McpSession, url: string): readonly string[] {
  return [...sessions.get(session)?.uris.get(url) ?? []];
}

/** False when the session watches too many already. */
export function watch(session: McpSession, url: string, uri: string): boolean {
  const { uris, streams } = of(session);
  const own = uris.get(url) ?? new Set<string>();
  if (own.size >= SUBSCRIBED_URIS_MAX && !own.has(uri)) return false;
  uris.set(url, own.add(uri));
  for (const changed of streams) changed();
  return true;
}

export function unwatch(session: McpSession, url: string, uri: string): void {
  const { uris, streams } = of(session);
  if (uris.get(url)?.delete(uri) === true) for (const changed of streams) changed();
}

/** Called whenever what the session watches has changed; returns how to stop that. */
export function whenWatchedChanges(session: McpSession, changed: () => void): () => void {
  const { streams } = of(session);
  streams.add(changed);
  return () => void streams.delete(changed);
}
