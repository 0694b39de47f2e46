// JSON.parse for what others wrote and a decision is made on: as JSON has it, on every version of V8.
import { randomUUID } from 'node:crypto';
import { endOfString } from './canonical.js';

/** The last escape of a name, up to its colon; now and then something else that looks like it. */
const ESCAPED_NAME = /\\(?:u[0-9a-fA-F]{4}|["\\/bfnrt])[^"\\]*"[\t\n\r ]*:/;
const COLON = /[\t\n\r ]*:/y;

type Container = Record<string, unknown> | unknown[];

/**
 * V8 of Node 24 (24.21.0, V8 13.6) takes a name with an escape for another that it has met at the same place of an object with the same names before it, if
 * that one is as long and stands, sign by sign, where the escaped one is written: after `{"a":1,"b\\":2}`, `{"a":1,"b\u0062":2}` is read as the former, and of
 * two such names one is lost. So no name is left with an escape: those that have no other spelling are read as digits behind a word. Throws SyntaxError
 * as JSON.parse does, and nothing else, however deep or long the text is.
 */
export function parseJson(text: string): unknown {
  if (!text.includes('\\') || !ESCAPED_NAME.test(text)) return JSON.parse(text);
  const word = randomUUID(); // nobody who writes the text knows it
  const plain = withPlainNames(text, word);
  const value: unknown = JSON.parse(plain);
  return plain.includes(word) ? withOwnNames(value, word) : value;
}

function withPlainNames(text: string, word: string): string {
  const parts: string[] = [];
  let copied = 0;
  for (let from = text.indexOf('"'), to = 0; from >= 0; from = text.indexOf('"', to)) {
    to = endOfString(text, from);
    COLON.lastIndex = to;
    if (!COLON.test(text)) continue;
    const written = text.slice(from, to);
    if (!written.includes('\\')) continue;
    parts.push(text.slice(copied, from), plainName(written, word));
    copied = to;
  }
  return parts.join('') + text.slice(copied);
}

function plainName(written: string, word: string): string {
  const name = JSON.parse(written) as string; // by itself a string is read as it is
  const plain = JSON.stringify(name);
  return plain.includes('\\') ? `"${word}${Buffer.from(name, 'utf16le').toString('hex')}"` : plain;
}

/** Not by a reviver of JSON.parse: it recurses, so that deep texts end in a RangeError, and costs ten times the parse. */
function withOwnNames(root: unknown, word: string): unknown {
  const holder: unknown[] = [root];
  const open: Container[] = [holder];
  for (let container = open.pop(); container !== undefined; container = open.pop()) {
    if (Array.isArray(container)) {
      for (let at = 0; at < container.length; at += 1) {
        const value: unknown = container[at];
        if (isContainer(value)) open.push(container[at] = renamed(value, word));
      }
      continue;
    }
    for (const name of Object.keys(container)) {
      const value = container[name];
      if (isContainer(value)) open.push(container[name] = renamed(value, word)); // `__proto__`, too, is a member like others once it is there
    }
  }
  return holder[0];
}

function isContainer(value: unknown): value is Container {
  return typeof value === 'object' && value !== null;
}

function renamed(value: Container, word: string): Container {
  if (Array.isArray(value) || !Object.keys(value).some((name) => name.startsWith(word))) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name.startsWith(word) ? Buffer.from(name.slice(word.length), 'hex').toString('utf16le') : name, member]));
}
