// Which server was last seen to serve a prompt or resource that the registry does not name: so that not every use of one asks all servers for their lists.
import { LRUCache } from 'lru-cache';

const ROUTES_KEPT_MAX = 10_000; // on each thread

/** What is asked for by a name of its own. */
export type RouteKind = 'prompts' | 'resources';

export interface Routes {
  /** The server, if it was seen since `sinceMs`. */
  find(kind: RouteKind, name: string, sinceMs: number): string | undefined;
  learn(kind: RouteKind, name: string, url: string, nowMs: number): void;
}

export function createRoutes(): Routes {
  const kept = new LRUCache<string, { readonly url: string; readonly atMs: number }>({ max: ROUTES_KEPT_MAX });
  return {
    find(kind, name, sinceMs) {
      const route = kept.get(`${kind} ${name}`);
      return route !== undefined && route.atMs >= sinceMs ? route.url : undefined;
    },
    learn(kind, name, url, nowMs) {
      kept.set(`${kind} ${name}`, { url, atMs: nowMs });
    },
  };
}
