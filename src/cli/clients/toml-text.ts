// Servers in a TOML text: each is a table with a header of its own, which is what is written and cut out; any other notation is left to a person.
import { parse, stringify, TomlError } from 'smol-toml';
import { isDeepStrictEqual } from 'node:util';
import { recordOf } from '../reading.js';
import { TextFault } from './text-fault.js';
import type { ServersText, TextPlace } from './types.js';

/** `at`: the one key that leads to the servers. Throws TextFault. */
export function readTomlServers(body: string, [section = '']: readonly string[]): ServersText {
  const value = parsed(body);
  const entries = Object.entries(recordOf(value[section]));
  const eol = body.includes('\r\n') ? '\r\n' : '\n';
  const checked = (edited: string, name: string, entry: unknown): string => {
    const others = Object.fromEntries(entries.filter(([known]) => known !== name));
    const servers = entry === undefined ? others : { ...others, [name]: entry };
    const { [section]: _before, ...rest } = value;
    const wanted = Object.keys(servers).length === 0 ? rest : { ...rest, [section]: servers };
    const { [section]: left, ...leftRest } = parsed(edited);
    const got = Object.keys(recordOf(left)).length === 0 ? leftRest : { ...leftRest, [section]: left };
    if (!isDeepStrictEqual(plain(got), plain(wanted))) throw new TextFault(`${section}.${name} is not written as a table of its own, and is left as it is.`, lineOf(body, section, name) ?? { line: 1, column: 1 });
    return edited;
  };
  return {
    servers: entries.map(([name, entry]) => ({ name, value: plain(entry), line: lineOf(body, section, name)?.line ?? 1 })),
    set: (name, entry) => {
      if (isDeepStrictEqual(plain(recordOf(value[section])[name]), plain(entry))) return body;
      const rest = withoutTable(body, section, name).trimEnd();
      const table = tableText(section, name, entry).replaceAll('\n', eol);
      return checked(`${rest}${rest === '' ? '' : eol + eol}${table}${eol}`, name, entry);
    },
    remove: (name) => (Object.hasOwn(recordOf(value[section]), name) ? checked(withoutTable(body, section, name), name, undefined) : body),
  };
}

/** The server's own table, and its parts; the section above it needs no header. */
export function tableText(section: string, name: string, entry: unknown): string {
  return stringify({ [section]: { [name]: entry } }).trim().split('\n').filter((line) => line !== `[${section}]`).join('\n');
}

function parsed(body: string): Record<string, unknown> {
  try {
    return parse(body);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new TextFault(`${error.message.split('\n', 1)[0] ?? ''}.`, { line: error.line, column: error.column });
  }
}

/** Dates and other objects of the parser, as comparable values. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? null)) as unknown;
}

const HEADER = /^[ \t]*\[[ \t]*([A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*([A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')[ \t]*([.\]])/;

function tableOf(line: string): readonly [string, string] | undefined {
  const [, section, name] = HEADER.exec(line) ?? [];
  return section === undefined || name === undefined ? undefined : [unquoted(section), unquoted(name)];
}

function unquoted(key: string): string {
  return /^["']/.test(key) ? key.slice(1, -1) : key;
}

/** Its lines up to the next header that is not of a part of it; comments right above the next header are that one's. */
function withoutTable(body: string, section: string, name: string): string {
  const kept: string[] = [];
  let cut: string[] = [];
  let inside = false;
  for (const line of body.match(/[^\n]*\n|[^\n]+$/g) ?? []) {
    if (/^[ \t]*\[/.test(line)) {
      const table = tableOf(line);
      if (inside) kept.push(...trailingComments(cut));
      cut = [];
      inside = table !== undefined && table[0] === section && table[1] === name;
    }
    (inside ? cut : kept).push(line);
  }
  while (inside && /^\s*$/.test(kept.at(-1) ?? 'none')) kept.pop(); // the blank line above it
  return kept.join('');
}

function trailingComments(lines: readonly string[]): string[] {
  let from = lines.length;
  while (from > 0 && /^\s*(#.*)?\s*$/.test(lines[from - 1] ?? '')) from -= 1;
  const rest = lines.slice(from);
  return rest.some((line) => line.trim().startsWith('#')) ? rest : [];
}

function lineOf(body: string, section: string, name: string): TextPlace | undefined {
  const at = body.split('\n').findIndex((line) => isDeepStrictEqual(tableOf(line), [section, name]));
  return at === -1 ? undefined : { line: at + 1, column: 1 };
}
