// How answers are printed: one JSON value for machines, or what the command makes of it for people.
import type { CommandContext } from './command.js';
import { columnsOf, printableJson } from './terminal.js';

/** A JSON text as it was written; a terminal never gets a raw control character. */
export function printJsonText({ terminal }: Pick<CommandContext, 'terminal'>, json: string): void {
  terminal.print(terminal.isTty ? printableJson(json) : json);
}

/** The value as JSON, to stderr. */
export function warnJson({ terminal }: Pick<CommandContext, 'terminal'>, value: unknown): void {
  terminal.warn(printableJson(JSON.stringify(value)));
}

/** Readable on a terminal, one line when piped. */
export function printJson({ terminal }: Pick<CommandContext, 'terminal'>, value: unknown): void {
  printJsonText({ terminal }, JSON.stringify(value, undefined, terminal.isTty ? 2 : undefined));
}

/** Prints the value as JSON if that was asked for, else calls `forPeople`. */
export function printAnswer(context: Pick<CommandContext, 'terminal' | 'json'>, value: unknown, forPeople: () => void): void {
  if (context.json) printJson(context, value);
  else forPeople();
}

export function shortHash(hash: string): string {
  return hash.length > 16 ? `${hash.slice(0, 8)}…${hash.slice(-4)}` : hash;
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** `3 d 4 h`, `12 min`, `8 s`. */
export function duration(seconds: number): string {
  const units = [['d', 86_400], ['h', 3_600], ['min', 60], ['s', 1]] as const;
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first < 0) return '0 s';
  const [unit, size] = units[first] ?? ['s', 1];
  const [nextUnit, nextSize] = units[first + 1] ?? ['', 0];
  const rest = nextSize === 0 ? 0 : Math.floor((seconds % size) / nextSize);
  return `${Math.floor(seconds / size)} ${unit}${rest === 0 ? '' : ` ${rest} ${nextUnit}`}`;
}

/** UTC to the millisecond, as the log has it and marked as such, from the audit's ISO text or from milliseconds; as it came when it is no time. */
export function shownTime(value: string | number): string {
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? String(value) : date.toISOString().replace('T', ' ');
}

/** Words wrapped at the terminal's width, at most `widthMax`; continuation lines indented. */
export function wrap(text: string, width: number, indent = ''): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && columnsOf(line) + columnsOf(word) + 1 > width) {
      lines.push(line);
      line = indent + word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}
