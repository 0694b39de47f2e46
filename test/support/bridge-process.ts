// The built `agw bridge` as a client starts it: lines in, lines out, and how it ended.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { until } from './until.js';

const AGW = fileURLToPath(new URL('../../bin/agw', import.meta.url));
const SILENCED = ['AGW_GATEWAY', 'AGW_CONFIG', 'AGW_STATE_DIR', 'AGW_JSON', 'SPIFFE_ENDPOINT_SOCKET', 'PRECINCT_GATEWAY_URL', 'PRECINCT_SPIFFE_ID', 'PRECINCT_JWT_SVID', 'PRECINCT_CERT_FILE', 'PRECINCT_KEY_FILE', 'PRECINCT_CA_FILE', 'PRECINCT_JWT_FILE', 'PRECINCT_SVID_DIR'];

export interface BridgeProcess {
  send(...lines: readonly string[]): void;
  /** All lines so far, as they were written. */
  lines(): string[];
  /** The line that holds this text, once it is there. */
  line(text: string): Promise<string>;
  /** The answer with this id, once it is there. */
  answer(id: string | number): Promise<Record<string, unknown>>;
  err(): string;
  /** Reads stdout no further, or again. */
  read(on: boolean): void;
  /** The end of stdin. */
  end(): void;
  kill(signal: 'SIGTERM' | 'SIGINT'): void;
  readonly ended: Promise<number | null>;
}

export function startBridge(words: readonly string[], env: Readonly<Record<string, string>> = {}, dir?: string): BridgeProcess {
  const silenced = Object.fromEntries(SILENCED.map((name) => [name, '']));
  const child = spawn(process.execPath, [AGW, 'bridge', ...words], { ...(dir === undefined ? {} : { cwd: dir }), stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1', ...silenced, ...env } });
  const parts: string[] = [];
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => void parts.push(part));
  child.stderr.setEncoding('utf8').on('data', (part: string) => { err += part; });
  child.stdin.on('error', () => undefined); // it may have ended
  const lines = (): string[] => parts.join('').split('\n').filter((line) => line !== '');
  const find = async (holds: (line: string) => boolean): Promise<string> => {
    await until(() => lines().some(holds) || child.exitCode !== null);
    const found = lines().find(holds);
    if (found === undefined) throw new Error(`the bridge ended: ${err}`);
    return found;
  };
  return {
    send: (...all) => void child.stdin.write(all.map((line) => `${line}\n`).join('')),
    lines,
    line: (text) => find((line) => line.includes(text)),
    answer: async (id) => {
      const isIt = (line: string): boolean => {
        const message = JSON.parse(line) as { id?: unknown; method?: unknown };
        return message.id === id && message.method === undefined;
      };
      return JSON.parse(await find(isIt)) as Record<string, unknown>;
    },
    err: () => err,
    read: (on) => void (on ? child.stdout.resume() : child.stdout.pause()),
    end: () => void child.stdin.end(),
    kill: (signal) => void child.kill(signal),
    ended: new Promise((resolve) => child.once('close', (code) => resolve(code))),
  };
}
