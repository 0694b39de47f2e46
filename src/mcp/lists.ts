// Lists of several tool servers as one: reads a page of each, and puts one result together; each item keeps the bytes it was served with.
import { replaceSpan } from '../base/json/edits.js';
import { memberAt, stringAt, textAt } from '../base/json/members.js';
import { elementSpans, memberSpans, type MemberSpan, type ValueSpan } from '../base/json/spans.js';
import { isOtherSpelling } from '../base/json/spellings.js';
import { inTurns, type Pieces } from '../base/turns/in-turns.js';
import type { Era } from './types.js';

export type ListMember = 'tools' | 'prompts' | 'resources' | 'resourceTemplates' | 'tasks';

/** The member that an item is known by. */
export const ITEM_KEYS: Readonly<Record<ListMember, string>> = { tools: 'name', prompts: 'name', resources: 'uri', resourceTemplates: 'uriTemplate', tasks: 'taskId' };

/** Of one page; the pages of a list have a bound of their own. */
export const LIST_ITEMS_MAX = 50_000;
/** No model reads a longer definition. */
export const LIST_ITEM_BYTES_MAX = 256 * 1024;

export interface ListedItem {
  /** Decoded. */
  readonly name: string;
  /** Raw JSON text. */
  readonly text: string;
}

export interface ListPage {
  readonly items: readonly ListedItem[];
  readonly nextCursor: string | undefined;
}

const OPEN_ARRAY = 0x5b;

/**
 * `bytes`: a JSON-RPC answer that has passed the JSON guard, and stays as it is until the promise settles. Undefined: it is an error, or has no such list,
 * or one of more items than a page may have. An element without its name is left out, or one that is too long, and so is one that names itself a second
 * time in another spelling: clients that ignore case would know it by that one.
 */
export function readListPage(bytes: Uint8Array, member: ListMember): Promise<ListPage | undefined> {
  return inTurns(readPage(bytes, member));
}

function* readPage(bytes: Uint8Array, member: ListMember): Pieces<ListPage | undefined> {
  const result = memberAt(bytes, ['result']);
  const members = result === undefined ? [] : memberSpans(bytes, result.from, result.to);
  const list = named(members, member);
  if (list === undefined || bytes[list.from] !== OPEN_ARRAY) return undefined;
  const spans = elementSpans(bytes, list.from, list.to, LIST_ITEMS_MAX + 1);
  if (spans.length > LIST_ITEMS_MAX) return undefined;
  const items: ListedItem[] = [];
  for (const span of spans) {
    const length = span.to - span.from;
    if (length > LIST_ITEM_BYTES_MAX) continue;
    const item = itemAt(bytes, span, ITEM_KEYS[member]);
    if (item !== undefined) items.push(item);
    yield length;
  }
  return { items, nextCursor: stringAt(bytes, named(members, 'nextCursor')) };
}

function itemAt(bytes: Uint8Array, span: ValueSpan, key: string): ListedItem | undefined {
  const members = memberSpans(bytes, span.from, span.to);
  const name = stringAt(bytes, named(members, key));
  if (name === undefined || members.some((member) => isOtherSpelling(member.key, [key]))) return undefined;
  return { name, text: textAt(bytes, span) };
}

function named(members: readonly MemberSpan[], key: string): MemberSpan | undefined {
  return members.find((member) => member.key === key);
}

/** The same item under another name; every other byte as it came. */
export function renamedItem(text: string, member: ListMember, name: string): string {
  const bytes = Buffer.from(text, 'utf8');
  const span = memberAt(bytes, [ITEM_KEYS[member]]);
  return span === undefined ? text : replaceSpan(bytes, span, JSON.stringify(name)).toString('utf8');
}

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
