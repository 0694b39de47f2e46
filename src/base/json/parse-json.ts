// JSON.parse for what others wrote and a decision is made on: as JSON has it, on every version of V8.
import { randomUUID } from 'node:crypto';

/** A name of one character, written as an escape: nothing else in a JSON text looks like that. */
const ESCAPED_NAME = /(?<!\\)"\\(?:u[0-9a-fA-F]{4}|["\\/bfnrt])"[\t\n\r ]*:/;
/** Every string, and the colon that makes it a name. */
const STRINGS = /("[^"\\]*(?:\\.[^"\\]*)*")([\t\n\r ]*:)?/gs;
const ONE_CHARACTER = /^"(?:[^"\\]|\\(?:u[0-9a-fA-F]{4}|["\\/bfnrt]))"$/;

/**
 * V8 of Node 24 (24.21.0, V8 13.6) takes a name of one character that is written as an escape for the name `\`, once an object with the same names before
 * it had that: `{"a":1,"\u0062":2}` becomes `{"a":1,"\\":2}`, and of two such names one is lost. Where there is one, names of one character are read with a
 * word before them. Throws as JSON.parse does.
 */
export function parseJson(text: string): unknown {
  if (!text.includes('\\') || !ESCAPED_NAME.test(text)) return JSON.parse(text);
  const word = randomUUID(); // nobody who writes the text knows it
  const worded = text.replace(STRINGS, (all, string: string, colon: string | undefined) => (colon !== undefined && ONE_CHARACTER.test(string) ? `"${word}${string.slice(1)}${colon}` : all));
  return JSON.parse(worded, (_name, value: unknown) => (typeof value === 'object' && value !== null && !Array.isArray(value) ? withoutWord(value, word) : value));
}

function withoutWord(value: object, word: string): object {
  const entries = Object.entries(value);
  if (!entries.some(([name]) => name.startsWith(word))) return value;
  return Object.fromEntries(entries.map(([name, member]) => [name.startsWith(word) ? name.slice(word.length) : name, member as unknown]));
}
