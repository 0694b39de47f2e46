// Puts one list result together from items of several tool servers; each item keeps the bytes it was served with.
import type { Era } from './types.js';

export type ListMember = 'tools' | 'prompts' | 'resources' | 'resourceTemplates';

export interface MergedList {
  readonly idText: string;
  readonly era: Era;
  readonly member: ListMember;
  /** Raw JSON text of each item. */
  readonly items: readonly string[];
  /** Raw JSON text of the result's `_meta` object, if any. */
  readonly metaText?: string | undefined;
  /** Decoded; undefined = last page. */
  readonly nextCursor?: string | undefined;
  /** How long a modern client may keep the list; it was filtered for one caller, so it is always private. */
  readonly ttlMs: number;
}

/** One JSON-RPC answer. A modern result needs resultType, ttlMs and cacheScope (2026-07-28, server/tools, caching). */
export function renderListAnswer(list: MergedList): string {
  const members = [`"${list.member}":[${list.items.join(',')}]`];
  if (list.nextCursor !== undefined) members.push(`"nextCursor":${JSON.stringify(list.nextCursor)}`);
  if (list.metaText !== undefined) members.push(`"_meta":${list.metaText}`);
  if (list.era === 'modern') members.push(`"resultType":"complete","ttlMs":${Math.max(0, Math.trunc(list.ttlMs))},"cacheScope":"private"`);
  return `{"jsonrpc":"2.0","id":${list.idText},"result":{${members.join(',')}}}`;
}

/** The `_meta` of several servers' results as one raw object text: of equal keys the first server's wins. Undefined when none has any. */
export function mergeMetaTexts(entries: readonly (readonly [key: string, valueText: string])[]): string | undefined {
  const merged = new Map<string, string>();
  for (const [key, valueText] of entries) {
    if (!merged.has(key)) merged.set(key, valueText);
  }
  if (merged.size === 0) return undefined;
  return `{${[...merged].map(([key, valueText]) => `${JSON.stringify(key)}:${valueText}`).join(',')}}`;
}
