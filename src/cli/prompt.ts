// What a person types while a command runs: a yes, a secret, a passphrase. A secret never comes from the command line, where `ps` shows it.
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import type { CommandContext } from './command.js';
import { CliFailure } from './failure.js';
import type { Terminal } from './terminal.js';

/** A secret larger than this is a file by mistake. */
const SECRET_BYTES_MAX = 64 * 1024;
const TEXT_BYTES_MAX = 16 * 1024 * 1024;

/** `--yes`, or a y on the terminal; without a terminal nobody can agree. */
export async function confirmed(context: CommandContext, question: string): Promise<boolean> {
  if (context.flag('yes')) return true;
  const { terminal } = context;
  if (!canAsk(terminal)) throw new CliFailure(`this needs a person's yes, and nobody is at the terminal: ${question.trim()}`, { remedy: 'Where the answer is yes, pass --yes' });
  const answer = await askLine(terminal, `${question} [y/N] `, false);
  return /^y(es)?$/i.test(answer.trim());
}

export function canAsk(terminal: Terminal): boolean {
  return terminal.stdin.isTTY === true;
}

/** From stdin when it is piped (one final line break is dropped), else asked twice without echo. */
export async function readSecret(terminal: Terminal, what: string): Promise<string> {
  if (!canAsk(terminal)) {
    const text = (await readAll(terminal.stdin, SECRET_BYTES_MAX)).replace(/\r?\n$/, '');
    if (text === '') throw new CliFailure(`no ${what} on stdin.`, { remedy: 'Pipe it in, or run the command on a terminal.' });
    return text;
  }
  const first = await askLine(terminal, `${what}: `, true);
  if (first === '') throw new CliFailure(`an empty ${what} is none.`);
  if (first !== (await askLine(terminal, `${what} again: `, true))) throw new CliFailure('the two are not the same.');
  return first;
}

/** One hidden line, once: a passphrase that exists already. */
export async function readHiddenLine(terminal: Terminal, what: string): Promise<string> {
  return canAsk(terminal) ? askLine(terminal, `${what}: `, true) : (await readAll(terminal.stdin, SECRET_BYTES_MAX)).replace(/\r?\n$/, '');
}

/** All of stdin as UTF-8; invalid bytes are refused, since hashes would differ silently. */
export async function readAll(stdin: NodeJS.ReadableStream, bytesMax = TEXT_BYTES_MAX): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stdin) {
    const piece = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    bytes += piece.length;
    if (bytes > bytesMax) throw new CliFailure(`stdin holds more than ${bytesMax} bytes.`);
    chunks.push(piece);
  }
  return decodeUtf8(Buffer.concat(chunks), 'stdin');
}

export function decodeUtf8(bytes: Uint8Array, from: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CliFailure(`${from} is not valid UTF-8.`, { remedy: 'Write it as UTF-8.' });
  }
}

/** Prompts go to stderr: stdout may be a pipe. */
function askLine(terminal: Terminal, question: string, hidden: boolean): Promise<string> {
  const silent = new PassThrough();
  silent.resume();
  terminal.stderr.write(question);
  const lines = createInterface({ input: terminal.stdin, output: hidden ? silent : terminal.stderr, terminal: true });
  return new Promise((resolve, reject) => {
    let answered = false;
    lines.once('line', (line) => {
      answered = true;
      lines.close();
      resolve(line);
    });
    lines.once('SIGINT', () => lines.close());
    lines.once('close', () => {
      if (hidden) terminal.stderr.write('\n');
      if (!answered) reject(new CliFailure('stopped; nothing was changed.'));
    });
  });
}
