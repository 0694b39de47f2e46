// The arguments of a call as they were typed, checked before they go out: what is wrong is shown with its place.
import { readFileSync, statSync } from 'node:fs';
import { loadJsonGuard } from '../base/json/choose.js';
import { GUARD_OUT_LENGTH, OFFSET, type GuardStatus } from '../base/json/types.js';
import type { CommandContext } from './command.js';
import { CliFailure } from './failure.js';
import { readAll } from './prompt.js';
import { unreadable } from './unreadable.js';

/** The gateway has its own, usually smaller bounds, and says them. */
const LIMITS = { depthMax: 1024, keysMax: 10_000_000 } as const;
const FILE_BYTES_MAX = 64 * 1024 * 1024;
const EXCERPT_BEFORE = 40;
const EXCERPT_BEHIND = 30;
const OPENING_BRACE = 0x7b;
const LINE_FEED = 0x0a;
const SPACE = 0x20;
const EXAMPLE = 'Write --args \'{"query":"x"}\', --args @file.json, or - for stdin';

const FAULTS: Readonly<Record<Exclude<GuardStatus, 'ok'>, string>> = {
  syntax: 'this is not JSON', utf8: 'this is not valid UTF-8', depth: 'this is nested too deeply', keys: 'this has too many keys', duplicate_key: 'this key is there twice',
  lone_surrogate: 'half of a character (a lone surrogate)', not_object: 'arguments are a JSON object', ambiguous_key: 'this key could be read in two ways',
};

/** JSON text of an object, byte for byte as it was written; `{}` when nothing was. Throws CliFailure with line and column. */
export async function readCallArguments({ terminal, option }: Pick<CommandContext, 'terminal' | 'option'>): Promise<string> {
  const written = option('args');
  if (written === undefined) return '{}';
  if (written === '-') return checked(Buffer.from(await readAll(terminal.stdin)), 'stdin');
  return written.startsWith('@') ? checked(readFile(written.slice(1)), written.slice(1)) : checked(Buffer.from(written), '--args');
}

function readFile(file: string): Buffer {
  try {
    if (statSync(file).size > FILE_BYTES_MAX) throw new CliFailure(`--args: ${file} is larger than 64 MiB.`);
    return readFileSync(file);
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    throw unreadable(`--args: ${file}`, error, EXAMPLE);
  }
}

function checked(bytes: Buffer, from: string): string {
  const guard = loadJsonGuard();
  const out = new Uint32Array(GUARD_OUT_LENGTH);
  // By the grammar alone first: text that closes its own object must not become members of the message.
  const grammar = guard.check(bytes, { ...LIMITS, tokenizerOnly: true }, out);
  if (grammar !== 'ok') throw faultAt(bytes, out[OFFSET] ?? 0, grammar, from);
  const first = bytes.findIndex((byte) => byte > SPACE);
  if (bytes[first] !== OPENING_BRACE) throw faultAt(bytes, first, 'not_object', from);
  const before = Buffer.from('{"arguments":');
  const keys = guard.check(Buffer.concat([before, bytes, Buffer.from('}')]), LIMITS, out);
  if (keys !== 'ok') throw faultAt(bytes, (out[OFFSET] ?? 0) - before.length, keys, from);
  return bytes.toString('utf8');
}

function faultAt(bytes: Buffer, offset: number, status: Exclude<GuardStatus, 'ok'>, from: string): CliFailure {
  const at = Math.min(Math.max(offset, 0), bytes.length);
  const lineFrom = at === 0 ? 0 : bytes.lastIndexOf(LINE_FEED, at - 1) + 1;
  const line = bytes.subarray(0, at).filter((byte) => byte === LINE_FEED).length + 1;
  const column = bytes.subarray(lineFrom, at).toString('utf8').length + 1;
  const what = at >= bytes.length && status === 'syntax' ? 'it ends too early' : FAULTS[status];
  return new CliFailure([`${from}:${line}:${column}: ${what}.`, ...excerpt(bytes, lineFrom, at)].join('\n'), { code: 'arguments_not_json', remedy: EXAMPLE });
}

/** The line around the place, and a mark below it. */
function excerpt(bytes: Buffer, lineFrom: number, at: number): string[] {
  const lineEnd = bytes.indexOf(LINE_FEED, at);
  const before = bytes.subarray(lineFrom, at).toString('utf8').slice(-EXCERPT_BEFORE);
  const behind = bytes.subarray(at, lineEnd === -1 ? bytes.length : lineEnd).toString('utf8').slice(0, EXCERPT_BEHIND);
  return before + behind === '' ? [] : [`  ${before}${behind}`, `  ${' '.repeat(before.length)}^`];
}
