// The built command line as users run it: bin/agw in a project's folder, with what it printed and how it ended; or one that goes on until it is interrupted.
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const AGW = fileURLToPath(new URL('../../bin/agw', import.meta.url));

export interface AgwRun {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunningAgw {
  out(): string;
  err(): string;
  /** SIGINT: as Ctrl-C does. */
  interrupt(signal?: 'SIGINT' | 'SIGTERM'): Promise<AgwRun>;
  ended: Promise<AgwRun>;
}

/** Not `spawnSync`: the tool server may live in the process that runs the test. */
export function runAgw(dir: string, words: readonly string[], stdin?: string, env?: Readonly<Record<string, string>>): Promise<AgwRun> {
  return startAgw(dir, words, stdin, env).ended;
}

export function startAgw(dir: string, words: readonly string[], stdin = '', env: Readonly<Record<string, string>> = {}): RunningAgw {
  const child = spawn(process.execPath, [AGW, ...words], { cwd: dir, stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1', AGW_GATEWAY: '', AGW_CONFIG: '', AGW_STATE_DIR: '', AGW_JSON: '', ...env } });
  const said = { out: '', err: '' };
  child.stdout.on('data', (part: Buffer) => { said.out += part.toString(); });
  child.stderr.on('data', (part: Buffer) => { said.err += part.toString(); });
  child.stdin.on('error', () => undefined); // it may not read what it was given
  child.stdin.end(stdin);
  const ended = endOf(child, said);
  return {
    out: () => said.out, err: () => said.err, ended,
    interrupt: (signal = 'SIGINT') => {
      child.kill(signal);
      return ended;
    },
  };
}

function endOf(child: ChildProcess, said: { readonly out: string; readonly err: string }): Promise<AgwRun> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...said }));
  });
}
