// Edits the registry's YAML text for `agw tools add`, keeping a person's comments and order.
import { isMap, isNode, isSeq, parseDocument, stringify, type Document, type YAMLMap, type YAMLSeq } from 'yaml';
import { ConfigFault } from '../../base/config/fault.js';
import { parseRegistry } from './registry-file.js';
import type { ToolEntry } from './registry-schema.js';
import type { ServerEntry } from './server-entry.js';

/** A description is never folded, so that a diff shows only what changed. */
const LINE_WIDTH = 0;

/** Appends an entry; throws ConfigFault when the name is taken, or when the result is no valid registry. `entry.name`: as its server serves it. */
export function addTool(text: string, entry: ToolEntry, file: string): string {
  const document = open(text, file);
  const registry = parseRegistry(text, file);
  const known = registry.tools.get(entry.name) ?? registry.served(entry.upstream, entry.name);
  if (known !== undefined) {
    throw new ConfigFault(`${entry.name} is registered already.`, { file, line: known.line, column: 0, remedy: 'Register it again with agw tools add --replace, or choose another.' });
  }
  return append(text, document, entry, file);
}

/**
 * Sets the given members of an entry and leaves its others as they are; appends the entry when it is new. `entry.name`: as its server serves it; an entry that
 * agents know by another name keeps that. `knownAs`: a new entry's name for agents, where it is another.
 */
export function setTool(text: string, entry: ToolEntry, file: string, knownAs?: string): string {
  const document = open(text, file);
  const existing = findEntry(document, entry, knownAs === undefined);
  if (existing === undefined) return append(text, document, knownAs === undefined ? entry : renamed(entry, knownAs), file);
  for (const [key, value] of Object.entries(entry)) {
    if (value !== undefined && !(key === 'name' && existing.has('served_as'))) setMember(document, existing, key, value);
  }
  return checked(document.toString({ lineWidth: LINE_WIDTH, flowCollectionPadding: /[[{] \S/.test(text) }), file);
}

function renamed({ name, ...others }: ToolEntry, knownAs: string): ToolEntry {
  return { name: knownAs, served_as: name, ...others };
}

/** Adds an entry to `servers`, or sets the given members of the one with the same upstream. */
export function setServer(text: string, entry: ServerEntry, file: string): string {
  const document = open(text, file);
  const plain = Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined));
  const servers = document.get('servers');
  const existing = isSeq(servers) ? servers.items.find((item): item is YAMLMap => isMap(item) && item.get('upstream') === entry.upstream) : undefined;
  if (existing !== undefined) {
    for (const [key, value] of Object.entries(plain)) setMember(document, existing, key, value);
    return checked(document.toString({ lineWidth: LINE_WIDTH, flowCollectionPadding: /[[{] \S/.test(text) }), file);
  }
  if (isSeq(servers) && servers.items.length > 0 && servers.flow !== true) return appendText(text, servers, plain, file);
  if (servers === undefined && isMap(document.contents) && document.contents.flow !== true) {
    // Before the tools: whoever appends to the file by hand adds a tool.
    const at = /^tools[ \t]*:/m.exec(text)?.index ?? text.length;
    return checked(`${text.slice(0, at)}${stringify({ servers: [plain] }, { lineWidth: LINE_WIDTH })}\n${text.slice(at)}`, file);
  }
  document.set('servers', document.createNode(isSeq(servers) ? [...(servers.toJSON() as unknown[]), plain] : [plain]));
  return checked(document.toString({ lineWidth: LINE_WIDTH }), file);
}

function open(text: string, file: string): Document {
  parseRegistry(text, file); // a file that is wrong is repaired by a person, not extended
  return parseDocument(text);
}

/** Nothing is written that could not be read again. */
function checked(text: string, file: string): string {
  parseRegistry(text, file);
  return text;
}

/** That of the very server; else one of the name, whose server has moved. A server with a prefix has names of its own. */
function findEntry(document: Document, { name, upstream }: ToolEntry, mayMove: boolean): YAMLMap | undefined {
  const entries = mapsOf(document, 'tools');
  const prefixed = (one: unknown): boolean => mapsOf(document, 'servers').some((server) => server.get('upstream') === one && (server.get('prefix') ?? '') !== '');
  return entries.find((item) => item.get('upstream') === upstream && (item.get('served_as') ?? item.get('name')) === name)
    ?? entries.find((item) => mayMove && item.get('name') === name && !item.has('served_as') && !prefixed(upstream) && !prefixed(item.get('upstream')));
}

function mapsOf(document: Document, section: string): YAMLMap[] {
  const list = document.get(section);
  return isSeq(list) ? list.items.filter((item): item is YAMLMap => isMap(item)) : [];
}

/** A plain value replaces the scalar's value only, so that the comment beside it stays. */
function setMember(document: Document, entry: YAMLMap, key: string, value: unknown): void {
  if (JSON.stringify(toPlain(entry, key)) === JSON.stringify(value)) return;
  entry.set(key, typeof value === 'object' ? document.createNode(value) : value);
}

function toPlain(entry: YAMLMap, key: string): unknown {
  return (entry.toJSON() as Record<string, unknown>)[key];
}

function append(text: string, document: Document, entry: ToolEntry, file: string): string {
  const plain = Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined));
  const tools = document.get('tools');
  if (isSeq(tools) && tools.items.length > 0 && tools.flow !== true) return appendText(text, tools, plain, file);
  document.set('tools', document.createNode(isSeq(tools) ? [...(tools.toJSON() as unknown[]), plain] : [plain]));
  return checked(document.toString({ lineWidth: LINE_WIDTH }), file);
}

/** Puts the entry's lines behind those of the last one, so that no other line of the file changes. */
function appendText(text: string, entries: YAMLSeq, plain: Readonly<Record<string, unknown>>, file: string): string {
  const from = entries.range?.[0] ?? 0;
  const indent = ' '.repeat(from - (text.lastIndexOf('\n', from - 1) + 1));
  const lines = stringify([plain], { lineWidth: LINE_WIDTH }).trimEnd().split('\n');
  const last = entries.items.at(-1);
  const end = text.slice(0, (isNode(last) ? last.range?.[1] : undefined) ?? text.length).trimEnd().length;
  const lineEnd = text.indexOf('\n', end);
  const at = lineEnd === -1 ? text.length : lineEnd + 1;
  const entryText = `${lineEnd === -1 ? '\n' : ''}\n${lines.map((line) => line === '' ? line : indent + line).join('\n')}\n`;
  return checked(text.slice(0, at) + entryText + text.slice(at), file);
}
