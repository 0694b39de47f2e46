// Servers in a YAML text: a map by name, or a list of entries with names. Comments stay; the text is written by the library that read it.
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type YAMLMap } from 'yaml';
import { isDeepStrictEqual } from 'node:util';
import { recordOf } from '../reading.js';
import { TextFault } from './text-fault.js';
import type { FileServer, ServersText, TextPlace } from './types.js';

/** `at`: the one key that leads to the servers. Throws TextFault. */
export function readYamlServers(body: string, [section = '']: readonly string[], form: 'map' | 'named'): ServersText {
  const { document, placeOf } = open(body);
  const found = serversIn(document, section, form, placeOf);
  const write = (edit: (copy: Document) => void, wanted: unknown): string => {
    const copy = open(body).document;
    edit(copy);
    const edited = copy.toString({ lineWidth: 0, flowCollectionPadding: /[[{] \S/.test(body) });
    if (!isDeepStrictEqual(open(edited).document.toJS(), wanted)) throw new TextFault('this text cannot be changed without changing something else.', { line: 1, column: 1 });
    return body.includes('\r\n') ? edited.replaceAll(/\r?\n/g, '\r\n') : edited;
  };
  const value = recordOf(document.toJS() as unknown);
  return {
    servers: found,
    set: (name, entry) => {
      if (isDeepStrictEqual(found.find((server) => server.name === name)?.value, entry)) return body;
      if (form === 'map') return write((copy) => copy.setIn([section, name], copy.createNode(entry)), { ...value, [section]: { ...recordOf(value[section]), [name]: entry } });
      const list = Array.isArray(value[section]) ? (value[section] as unknown[]) : [];
      const at = list.findIndex((item) => recordOf(item)['name'] === name);
      const wanted = at === -1 ? [...list, entry] : list.with(at, entry);
      return write((copy) => {
        if (!isSeq(copy.get(section))) copy.set(section, copy.createNode([entry]));
        else if (at === -1) copy.addIn([section], copy.createNode(entry));
        else copy.setIn([section, at], copy.createNode(entry));
      }, { ...value, [section]: wanted });
    },
    remove: (name) => {
      if (!found.some((server) => server.name === name)) return body;
      if (form === 'map') {
        const { [name]: _gone, ...others } = recordOf(value[section]);
        return write((copy) => void copy.deleteIn([section, name]), { ...value, [section]: others });
      }
      const list = value[section] as unknown[];
      const at = list.findIndex((item) => recordOf(item)['name'] === name);
      return write((copy) => void copy.deleteIn([section, at]), { ...value, [section]: list.toSpliced(at, 1) });
    },
  };
}

function open(body: string): { document: Document; placeOf: (offset: number) => TextPlace } {
  const lines = new LineCounter();
  const document = parseDocument(body, { lineCounter: lines });
  const placeOf = (offset: number): TextPlace => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const [error] = document.errors;
  if (error !== undefined) throw new TextFault(`${error.message.split('\n', 1)[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? ''}.`, placeOf(error.pos[0]));
  if (document.contents !== null && !isMap(document.contents)) throw new TextFault('a map is expected here.', placeOf(document.contents.range?.[0] ?? 0));
  return { document, placeOf };
}

function serversIn(document: Document, section: string, form: 'map' | 'named', placeOf: (offset: number) => TextPlace): FileServer[] {
  const node = document.get(section, true);
  if (node === undefined || node === null || (isScalar(node) && node.value === null)) return [];
  const offsetOf = (one: unknown): number => (isMap(one) || isSeq(one) || isScalar(one) ? one.range?.[0] ?? 0 : 0);
  if (form === 'map') {
    if (!isMap(node)) throw new TextFault(`${section} is no map.`, placeOf(offsetOf(node)));
    const map: YAMLMap = node;
    return map.items.map(({ key, value }) => ({ name: String(isScalar(key) ? key.value : key), value: isMap(value) ? value.toJSON() as unknown : value, line: placeOf(offsetOf(key)).line }));
  }
  if (!isSeq(node)) throw new TextFault(`${section} is no list.`, placeOf(offsetOf(node)));
  return node.items.flatMap((item) => {
    const value: unknown = isMap(item) ? item.toJSON() : undefined;
    const { name } = recordOf(value);
    return typeof name === 'string' ? [{ name, value, line: placeOf(offsetOf(item)).line }] : [];
  });
}
