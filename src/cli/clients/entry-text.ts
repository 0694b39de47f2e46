// A server's entry as text in its file's format, alone or as a difference.
import { stringify as toYaml } from 'yaml';
import { printable, type Colors } from '../terminal.js';
import type { FileShape } from './client-file.js';
import { shownEntry } from './secret-signs.js';
import { tableText } from './toml-text.js';

/** What would stand in a file that had nothing else. */
export function entryText({ format, at, form }: FileShape, name: string, entry: unknown): string {
  const servers = form === 'named' ? [entry] : { [name]: entry };
  const whole = at.reduceRight<unknown>((inner, key) => ({ [key]: inner }), servers);
  switch (format) {
    case 'toml': return tableText(at.join('.'), name, entry);
    case 'yaml': return toYaml(whole, { lineWidth: 0 }).trimEnd();
    case 'json':
    case 'jsonc': return JSON.stringify(whole, undefined, 2);
  }
}

/** Lines with - of what goes, with + of what comes; without the values of variables and headers. */
export function entryDifference(shape: FileShape, name: string, before: unknown, after: unknown, colors: Colors): string {
  const lines = (entry: unknown): string[] => (entry === undefined ? [] : entryText(shape, name, shownEntry(entry)).split('\n').map(printable));
  const [old, next] = [lines(before), lines(after)];
  const isSame = (at: number, other: number): boolean => old[at] !== undefined && old[at] === next[other];
  let head = 0;
  while (isSame(head, head)) head += 1;
  let tail = 0;
  while (tail < Math.min(old.length, next.length) - head && isSame(old.length - 1 - tail, next.length - 1 - tail)) tail += 1;
  const kept = (part: readonly string[]): string[] => part.map((line) => `  ${line}`);
  return [
    ...kept(next.slice(0, head)), ...old.slice(head, old.length - tail).map((line) => colors.red(`- ${line}`)),
    ...next.slice(head, next.length - tail).map((line) => colors.green(`+ ${line}`)), ...kept(next.slice(next.length - tail)),
  ].join('\n');
}
