// The person's side: lines out, width, colours, and nothing that a file or a tool server wrote may steer the terminal.
import pc from 'picocolors';

export type Colors = ReturnType<typeof pc.createColors>;

export interface Terminal {
  /** Whether a person reads stdout. */
  readonly isTty: boolean;
  /** Columns; Infinity when piped. */
  readonly width: number;
  readonly colors: Colors;
  readonly stdin: NodeJS.ReadStream;
  readonly stderr: NodeJS.WriteStream;
  print(line: string): void;
  /** To stderr. */
  warn(line: string): void;
}

/** Below this no table can be read; the terminal may wrap then. */
const WIDTH_MIN = 40;
const WIDTH_UNKNOWN = 160; // some pseudo-terminals (docker exec -t, CI) say 0 columns: cut as little as their logs can bear

/** `broken`: what is printed goes nowhere, as on a full disk; not called where the reader has closed the pipe. */
export function processTerminal(noColor: boolean, broken: (fault: Error) => void): Terminal {
  const { stdout, stderr, stdin } = process;
  onBroken(stdout, broken);
  onBroken(stderr, broken);
  const isTty = stdout.isTTY === true;
  return {
    isTty,
    width: isTty ? widthOf(stdout.columns) : Infinity,
    colors: pc.createColors(isTty && !noColor),
    stdin,
    stderr,
    print: (line) => void stdout.write(`${line}\n`),
    warn: (line) => void stderr.write(`${line}\n`),
  };
}

export function widthOf(columns: number): number {
  return columns > 0 ? Math.max(WIDTH_MIN, columns) : WIDTH_UNKNOWN;
}

/** `agw audit | head -1` closes our stdout: that is the reader's will, no error. */
function onBroken(stream: NodeJS.WriteStream, broken: (fault: Error) => void): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
    broken(error);
  });
}

/** Control characters (terminal escapes) and those that reorder or hide text: against names and descriptions that lie to the operator. */
const UNPRINTABLE = /[\p{Cc}\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]|\p{Cs}/gu;

/** Text from elsewhere as one harmless line. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (found) => `\\u{${(found.codePointAt(0) ?? 0).toString(16)}}`);
}

/** White space of JSON stays: it parts values, and has no place in a string. */
const UNPRINTABLE_IN_JSON = new RegExp(`(?![\\t\\n\\r])(?:${UNPRINTABLE.source})`, 'gu');

/** A JSON text keeps its meaning with every unprintable character escaped. */
export function printableJson(json: string): string {
  return json.replace(UNPRINTABLE_IN_JSON, (found) => Array.from({ length: found.length }, (_, at) => `\\u${found.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''));
}

const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}]/u;
// eslint-disable-next-line no-control-regex -- our own colour codes take no room
const COLOR_CODE = /\u001b\[\d+m/gu;

/** Columns a text takes on the terminal. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text.replace(COLOR_CODE, '')) columns += WIDE.test(character) ? 2 : /\p{M}/u.test(character) ? 0 : 1;
  return columns;
}
