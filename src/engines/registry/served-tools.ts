// Reads a tools/list answer from its bytes: each tool with its own text and hashes. Remembers tools by their text.
import { LRUCache } from 'lru-cache';
import { isObjectAt, stringAt, textAt } from '../../base/json/members.js';
import { elementSpans, memberSpans, type MemberSpan, type ValueSpan } from '../../base/json/spans.js';
import { isSpellingOf } from '../../base/json/spellings.js';
import { GUARD_OUT_LENGTH, type JsonGuard } from '../../base/json/types.js';
import { canonicalHash, jcsHash, legacyHash, seedHash, type HashedMembers } from './hashes.js';
import type { ServedTool } from './types.js';

/** The limits of a list, not of a request: thousands of tools with nested schemas are legal. */
const LIST_LIMITS = { depthMax: 128, keysMax: 2_000_000 } as const;
const TOOLS_REMEMBERED = 10_000;
const TEXT_BYTES_REMEMBERED = 64 * 1024 * 1024;
export const HASHED_MEMBERS: readonly string[] = ['name', 'description', 'inputSchema'];
const HASHED_NAMES: readonly Uint8Array[] = HASHED_MEMBERS.map((name) => Buffer.from(name));

export interface ToolsPage {
  readonly tools: readonly ServedTool[];
  readonly nextCursor: string | undefined;
  /** Elements that are no tool: no object, no name, no schema, or a hashed member in a second spelling. They are not served. */
  readonly skipped: number;
}

/** A tools/list answer that can't be read. */
export class ToolsListFault extends Error {
  readonly kind: 'not_json' | 'error_answer' | 'no_tools';

  constructor(kind: ToolsListFault['kind'], message: string) {
    super(message);
    this.name = 'ToolsListFault';
    this.kind = kind;
  }
}

/** Tools by their text, so that hashes are computed when an answer's bytes change and not per call. One per thread. */
export interface ToolCache {
  get(text: string): ServedTool | undefined;
  set(text: string, tool: ServedTool): unknown;
}

export function createToolCache(): ToolCache {
  return new LRUCache<string, ServedTool>({ max: TOOLS_REMEMBERED, maxSize: TEXT_BYTES_REMEMBERED, sizeCalculation: (_tool, text) => text.length + 1 });
}

/**
 * `bytes`: a JSON-RPC answer, or its result alone, which has passed the JSON guard (duplicate keys would be two tools for two readers).
 * Throws ToolsListFault when it is an error or has no list.
 */
export function parseToolsList(bytes: Uint8Array, cache?: ToolCache): ToolsPage {
  const result = resultMembers(bytes);
  const list = result.find(({ key }) => key === 'tools');
  if (list === undefined || bytes[list.from] !== 0x5b) throw new ToolsListFault('no_tools', 'the answer has no list of tools');
  const elements = elementSpans(bytes, list.from, list.to);
  const tools = elements.map((span) => toolAt(bytes, span, cache)).filter((tool) => tool !== undefined);
  return { tools, nextCursor: cursorOf(bytes, result), skipped: elements.length - tools.length };
}

/** For bytes that nobody has checked yet. One per thread, as the guard is. */
export interface ToolsReader {
  parseToolsList(bytes: Uint8Array): ToolsPage;
  /** One tool's own JSON text. Throws ToolsListFault when it is none. */
  describeTool(text: string): ServedTool;
}

export function createToolsReader(guard: JsonGuard): ToolsReader {
  const cache = createToolCache();
  const out = new Uint32Array(GUARD_OUT_LENGTH);

  function check(bytes: Uint8Array, what: 'tool list' | 'tool definition'): void {
    const status = guard.check(bytes, LIST_LIMITS, out);
    if (status !== 'ok') throw new ToolsListFault('not_json', `the ${what} is not one sound JSON object (${status})`);
  }

  function parseChecked(bytes: Uint8Array, what: 'tool list' | 'tool definition'): ToolsPage {
    check(bytes, what);
    return parseToolsList(bytes, cache);
  }

  return {
    parseToolsList: (bytes) => parseChecked(bytes, 'tool list'),
    describeTool(text) {
      // As one of a list, as it was served: how the guard judges a message's own members is not for a tool's.
      const [tool] = parseChecked(Buffer.from(`{"tools":[${text}]}`, 'utf8'), 'tool definition').tools;
      if (tool?.text !== text.trim()) throw new ToolsListFault('no_tools', 'the text is no tool definition: it needs a name and an inputSchema');
      return tool;
    },
  };
}

function toolAt(bytes: Uint8Array, span: ValueSpan, cache: ToolCache | undefined): ServedTool | undefined {
  const text = textAt(bytes, span);
  const known = cache?.get(text);
  if (known !== undefined) return known;
  const tool = describe(bytes, span, text);
  if (tool !== undefined) cache?.set(text, tool);
  return tool;
}

function resultMembers(bytes: Uint8Array): MemberSpan[] {
  const root = memberSpans(bytes, 0, bytes.length);
  if (!root.some(({ key }) => key === 'jsonrpc')) return root;
  const result = root.find(({ key }) => key === 'result');
  if (result === undefined) throw new ToolsListFault('error_answer', 'tools/list was answered with an error');
  return memberSpans(bytes, result.from, result.to);
}

function cursorOf(bytes: Uint8Array, result: readonly MemberSpan[]): string | undefined {
  return stringAt(bytes, result.find(({ key }) => key === 'nextCursor'));
}

function describe(bytes: Uint8Array, { from, to }: ValueSpan, text: string): ServedTool | undefined {
  const members = memberSpans(bytes, from, to);
  const named = (key: string): MemberSpan | undefined => members.find((member) => member.key === key);
  const nameAt = named('name');
  const schema = named('inputSchema');
  const description = named('description');
  const name = stringAt(bytes, nameAt);
  if (nameAt === undefined || name === undefined || !isObjectAt(bytes, schema)) return undefined;
  if (description !== undefined && stringAt(bytes, description) === undefined) return undefined;
  const hashed: HashedMembers = { name: textAt(bytes, nameAt), description: textAt(bytes, description), inputSchema: textAt(bytes, schema) };
  const others = members.filter(({ key }) => !HASHED_MEMBERS.includes(key));
  // A client that ignores case would be told another description than the one that was hashed.
  if (others.some(({ key }) => isHashedByAnotherName(Buffer.from(key)))) return undefined;
  return Object.freeze({
    name,
    text,
    hashes: Object.freeze({ seed: seedHash(hashed), jcs: jcsHash(hashed), legacy: legacyHash(hashed) }),
    definitionHash: canonicalHash(text),
    memberHashes: Object.freeze(Object.fromEntries(others.map((member) => [member.key, canonicalHash(textAt(bytes, member))]))),
  });
}

function isHashedByAnotherName(key: Uint8Array): boolean {
  return HASHED_NAMES.some((name) => isSpellingOf(name, key, 0, key.length));
}
