// Adding and removing entries in the text of identities.yaml, so that a person's comments and layout stay as they are.
import { isMap, isScalar, isSeq, parseDocument, type Document, type YAMLMap, type YAMLSeq } from 'yaml';
import { ConfigFault, WHOLE_FILE } from '../../base/config/fault.js';
import { parseYamlWithLines } from '../../base/config/yaml-lines.js';
import { parseWorkloadId, trustDomainOf } from './spiffe-id.js';

const FILE = 'config/identities.yaml';

/** The new text. Throws ConfigFault if the identity is malformed, of another trust domain than those in the text, or already there. The result is to be parsed again before it is written. */
export function addIdentity(text: string, id: string, description: string, file = FILE): string {
  const workload = parseWorkloadId(id);
  if (workload === undefined) throw faultOf(`${JSON.stringify(id.slice(0, 100))} is not the SPIFFE ID of a workload.`, file, 'Write spiffe://<trust-domain>/agents/mcp-client/<agent>/<env>.');
  const document = readDocument(text, file);
  if (entryOf(document, id) !== undefined) throw faultOf(`${id} is registered already.`, file, 'Nothing is to be done; agw identity list shows it.');
  const domain = trustDomainIn(document);
  // Here, because the parser would blame a line of a text that nobody has.
  if (domain !== undefined && domain !== trustDomainOf(workload)) throw faultOf(`${id} is of another trust domain than the identities here (${domain}).`, file, 'Change the identity, or identity.trust_domain in gateway.yaml.');
  const entry = description === '' ? { spiffe_id: id } : { spiffe_id: id, description };
  return spliceEntry(text, document, entry) ?? addByDocument(document, entry);
}

/** The new text. Throws ConfigFault if the identity is not there, or is the default. */
export function removeIdentity(text: string, id: string, file = FILE): string {
  const document = readDocument(text, file);
  const at = entryOf(document, id);
  if (at === undefined) throw faultOf(`${id} is not registered.`, file, 'agw identity list shows what is.');
  if (document.get('default') === id) throw faultOf(`${id} is the default identity.`, file, 'Change or remove default: first.');
  document.deleteIn(['identities', at]);
  const cut = cutEntry(text, id);
  return cut !== undefined && sameValue(cut, document) ? cut : String(document);
}

function readDocument(text: string, file: string): Document {
  parseYamlWithLines(text, file); // for the fault with its line
  return parseDocument(text);
}

function entryOf(document: Document, id: string): number | undefined {
  const list = document.get('identities');
  if (!isSeq(list)) return undefined;
  const at = list.items.findIndex((item) => isMap(item) && item.get('spiffe_id') === id);
  return at === -1 ? undefined : at;
}

/** A sound file has one trust domain; undefined when it has no identity yet. */
function trustDomainIn(document: Document): string | undefined {
  const list = document.get('identities');
  const listed = isSeq(list) ? list.items.map((item) => (isMap(item) ? item.get('spiffe_id') : undefined)) : [];
  const known = [document.get('default'), ...listed].map((text) => (typeof text === 'string' ? parseWorkloadId(text) : undefined)).find((one) => one !== undefined);
  return known === undefined ? undefined : trustDomainOf(known);
}

/** Inserts lines after the last entry of a block list; undefined where the list is of another form. */
function spliceEntry(text: string, document: Document, entry: Readonly<Record<string, string>>): string | undefined {
  const list = document.get('identities');
  const last = isSeq(list) && list.flow !== true ? list.items.at(-1) : undefined;
  if (!isSeq(list) || !isMap(last) || last.flow === true) return undefined;
  const indent = columnOf(text, dashOf(text, startOf(last)));
  const value = last.items.at(-1)?.value;
  const lineEnd = text.indexOf('\n', isScalar(value) ? (value.range?.[1] ?? 0) : (last.range?.[1] ?? 0));
  const end = lineEnd === -1 ? text.length : lineEnd + 1;
  const before = text.slice(0, end);
  const lines = Object.entries(entry).map(([key, held], n) => `${' '.repeat(indent)}${n === 0 ? '- ' : '  '}${key}: ${quoted(held)}\n`);
  const spliced = `${before}${before.endsWith('\n') ? '' : '\n'}${lines.join('')}${text.slice(end)}`;
  addByDocument(document, entry);
  return sameValue(spliced, document) ? spliced : undefined;
}

function addByDocument(document: Document, entry: Readonly<Record<string, string>>): string {
  const list = document.get('identities');
  const fresh = document.createNode(entry);
  if (isSeq(list)) {
    const present = list.items.some((item) => isMap(item) && item.get('spiffe_id') === entry.spiffe_id);
    if (!present) (list as YAMLSeq).add(fresh);
  } else document.set('identities', document.createNode([entry]));
  return String(document);
}

/** Removes the entry's own lines; undefined where it does not stand on lines of its own. */
function cutEntry(text: string, id: string): string | undefined {
  const document = parseDocument(text);
  const list = document.get('identities');
  const entry = isSeq(list) && list.flow !== true ? list.items.find((item): item is YAMLMap => isMap(item) && item.get('spiffe_id') === id) : undefined;
  if (entry === undefined || entry.flow === true) return undefined;
  const from = text.lastIndexOf('\n', dashOf(text, startOf(entry))) + 1;
  const value = entry.items.at(-1)?.value;
  const lineEnd = text.indexOf('\n', isScalar(value) ? (value.range?.[1] ?? 0) : (entry.range?.[1] ?? 0));
  const rest = lineEnd === -1 ? '' : text.slice(lineEnd + 1);
  return text.slice(0, from) + rest;
}

function sameValue(text: string, document: Document): boolean {
  const parsed = parseDocument(text);
  if (parsed.errors.length > 0) return false;
  return JSON.stringify(normal(parsed.toJS())) === JSON.stringify(normal(document.toJS()));
}

/** An empty list and none are the same to the parser. */
function normal(value: unknown): unknown {
  const map = (value ?? {}) as Record<string, unknown>;
  const list = map['identities'];
  return { ...map, identities: Array.isArray(list) ? list : [] };
}

function startOf(map: YAMLMap): number {
  return map.range?.[0] ?? 0;
}

function dashOf(text: string, entryFrom: number): number {
  return text.lastIndexOf('-', entryFrom - 1);
}

function columnOf(text: string, offset: number): number {
  return offset - (text.lastIndexOf('\n', offset) + 1);
}

function quoted(text: string): string {
  return /^spiffe:\/\/[\w./-]+$/.test(text) ? text : JSON.stringify(text);
}

function faultOf(message: string, file: string, remedy: string): ConfigFault {
  return new ConfigFault(message, { file, ...WHOLE_FILE, remedy });
}
