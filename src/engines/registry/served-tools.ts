// Reads a tools/list answer from its bytes: each tool with its own text and hashes. Remembers tools by their text.
import { LRUCache } from 'lru-cache';
import { isObjectAt, stringAt, textAt } from '../../base/json/members.js';
import { elementSpans, memberSpans, type MemberSpan, type ValueSpan } from '../../base/json/spans.js';
import { isSpellingOf } from '../../base/json/spellings.js';
import { GUARD_OUT_LENGTH, type JsonGuard } from '../../base/json/types.js';
import { atOnce, inTurns, type Pieces } from '../../base/turns/in-turns.js';
import { LIST_ITEM_BYTES_MAX, LIST_ITEMS_MAX } from '../../mcp/lists.js';
import { canonicalHash, jcsHash, legacyHash, seedHash, type HashedMembers } from './hashes.js';
import type { ServedTool } from './types.js';

export const LIST_DEPTH_MAX = 128;
/** The limits of a list, not of a request: thousands of tools with nested schemas are legal. */
const LIST_LIMITS = { depthMax: LIST_DEPTH_MAX, keysMax: 2_000_000 } as const;
const TOOLS_REMEMBERED = 10_000;
const TEXT_BYTES_REMEMBERED = 64 * 1024 * 1024;
export const HASHED_MEMBERS: readonly string[] = ['name', 'description', 'inputSchema'];
const HASHED_NAMES: readonly Uint8Array[] = HASHED_MEMBERS.map((name) => Buffer.from(name));

export interface ToolsPage {
  readonly tools: readonly ServedTool[];
  readonly nextCursor: string | undefined;
  /** Elements that are no tool: no object, no name, no schema, too long, or a hashed member in a second spelling. They are not served. */
  readonly skipped: number;
  /** Tools that are not wanted: none was hashed, so none can be served. */
  readonly unwanted: number;
}

export interface ToolsReading {
  readonly cache?: ToolCache;
  /** By the name on its server; without it all are. */
  readonly isWanted?: (name: string) => boolean;
  readonly toolBytesMax?: number;
}

/** A tools/list answer that can't be read. */
export class ToolsListFault extends Error {
  readonly kind: 'not_json' | 'error_answer' | 'no_tools' | 'too_many';

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
 * Throws ToolsListFault when it is an error, has no list, or one of more tools than a page may have.
 */
export function parseToolsList(bytes: Uint8Array, reading: ToolsReading = {}): ToolsPage {
  return atOnce(readTools(bytes, reading));
}

/** The same in several turns of the event loop; `bytes` stay as they are until the promise settles. */
export function parseToolsListInTurns(bytes: Uint8Array, reading: ToolsReading = {}): Promise<ToolsPage> {
  return inTurns(readTools(bytes, reading));
}

function* readTools(bytes: Uint8Array, reading: ToolsReading): Pieces<ToolsPage> {
  const result = resultMembers(bytes);
  const list = result.find(({ key }) => key === 'tools');
  if (list === undefined || bytes[list.from] !== 0x5b) throw new ToolsListFault('no_tools', 'the answer has no list of tools');
  const elements = elementSpans(bytes, list.from, list.to, LIST_ITEMS_MAX + 1);
  if (elements.length > LIST_ITEMS_MAX) throw new ToolsListFault('too_many', `the answer lists more than ${LIST_ITEMS_MAX} tools`);
  const tools: ServedTool[] = [];
  let unwanted = 0;
  for (const span of elements) {
    const length = span.to - span.from;
    if (length > (reading.toolBytesMax ?? LIST_ITEM_BYTES_MAX)) continue;
    const tool = yield* toolAt(bytes, span, reading);
    if (tool === 'unwanted') unwanted += 1;
    else if (tool !== undefined) tools.push(tool);
    yield length;
  }
  return { tools, nextCursor: cursorOf(bytes, result), skipped: elements.length - tools.length - unwanted, unwanted };
}

/** For bytes that nobody has checked yet. One per thread, as the guard is. */
export interface ToolsReader {
  parseToolsList(bytes: Uint8Array): ToolsPage;
  parseToolsListInTurns(bytes: Uint8Array): Promise<ToolsPage>;
  /** One tool's own JSON text, of any length: it may have been kept before there was a bound. Throws ToolsListFault when it is none. */
  describeTool(text: string): ServedTool;
}

export function createToolsReader(guard: JsonGuard): ToolsReader {
  const cache = createToolCache();
  const out = new Uint32Array(GUARD_OUT_LENGTH);

  function check(bytes: Uint8Array, what: 'tool list' | 'tool definition'): void {
    const status = guard.check(bytes, LIST_LIMITS, out);
    if (status !== 'ok') throw new ToolsListFault('not_json', `the ${what} is not one sound JSON object (${status})`);
  }

  return {
    parseToolsList(bytes) {
      check(bytes, 'tool list');
      return parseToolsList(bytes, { cache });
    },
    async parseToolsListInTurns(bytes) {
      check(bytes, 'tool list');
      return parseToolsListInTurns(bytes, { cache });
    },
    describeTool(text) {
      // As one of a list, as it was served: how the guard judges a message's own members is not for a tool's.
      const bytes = Buffer.from(`{"tools":[${text}]}`, 'utf8');
      check(bytes, 'tool definition');
      const [tool] = parseToolsList(bytes, { cache, toolBytesMax: Infinity }).tools;
      if (tool?.text !== text.trim()) throw new ToolsListFault('no_tools', 'the text is no tool definition: it needs a name and an inputSchema');
      return tool;
    },
  };
}

function* toolAt(bytes: Uint8Array, span: ValueSpan, { cache, isWanted = () => true }: ToolsReading): Pieces<ServedTool | 'unwanted' | undefined> {
  const text = textAt(bytes, span);
  const known = cache?.get(text);
  if (known !== undefined) return isWanted(known.name) ? known : 'unwanted';
  const definition = readDefinition(bytes, span);
  if (definition === undefined) return undefined;
  if (!isWanted(definition.name)) return 'unwanted';
  const tool = yield* hashTool(definition, text);
  cache?.set(text, tool);
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

interface Definition {
  /** Decoded. */
  readonly name: string;
  readonly hashed: HashedMembers;
  /** Key and raw text of each other member. */
  readonly others: readonly (readonly [key: string, text: string])[];
}

function readDefinition(bytes: Uint8Array, { from, to }: ValueSpan): Definition | undefined {
  const members = memberSpans(bytes, from, to);
  const named = (key: string): MemberSpan | undefined => members.find((member) => member.key === key);
  const nameAt = named('name');
  const schema = named('inputSchema');
  const description = named('description');
  const name = stringAt(bytes, nameAt);
  if (nameAt === undefined || name === undefined || !isObjectAt(bytes, schema)) return undefined;
  if (description !== undefined && stringAt(bytes, description) === undefined) return undefined;
  const others = members.filter(({ key }) => !HASHED_MEMBERS.includes(key));
  // A client that ignores case would be told another description than the one that was hashed.
  if (others.some(({ key }) => isHashedByAnotherName(Buffer.from(key)))) return undefined;
  return {
    name,
    hashed: { name: textAt(bytes, nameAt), description: textAt(bytes, description), inputSchema: textAt(bytes, schema) },
    others: others.map((member) => [member.key, textAt(bytes, member)]),
  };
}

/** A piece for each hash: four of the longest definition take a sixth of a second. */
function* hashTool({ name, hashed, others }: Definition, text: string): Pieces<ServedTool> {
  const seed = seedHash(hashed);
  yield text.length;
  const jcs = jcsHash(hashed);
  yield text.length;
  const legacy = legacyHash(hashed);
  yield text.length;
  const definitionHash = canonicalHash(text);
  yield text.length;
  const memberHashes = Object.fromEntries(others.map(([key, member]) => [key, canonicalHash(member)]));
  return Object.freeze({ name, text, hashes: Object.freeze({ seed, jcs, legacy }), definitionHash, memberHashes: Object.freeze(memberHashes) });
}

function isHashedByAnotherName(key: Uint8Array): boolean {
  return HASHED_NAMES.some((name) => isSpellingOf(name, key, 0, key.length));
}
