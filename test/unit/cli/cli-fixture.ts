// Runs agw's command lines in process against a small real control server and a project folder of its own.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import pc from 'picocolors';
import { readEnvironment } from '../../../src/base/config/environment.js';
import { runCommandLine } from '../../../src/cli/index.js';
import type { Terminal } from '../../../src/cli/terminal.js';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly tty?: boolean;
  readonly width?: number;
  readonly stdin?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

export type Answers = Readonly<Record<string, (body: unknown) => { readonly status?: number; readonly json: unknown }>>;

export interface Bench {
  /** The project's folder; its name has a space. */
  readonly root: string;
  readonly asked: Asked[];
  agw(line: readonly string[], options?: RunOptions): Promise<Ran>;
  /** Starts the control server; keys are `METHOD /path` without the query. */
  serve(answers: Answers): Promise<void>;
  file(path: string, text: string): string;
  close(): Promise<void>;
}

const REPOSITORY = resolve(import.meta.dirname, '..', '..', '..');

export function openBench(): Bench {
  const root = mkdtempSync(join(tmpdir(), 'agw cli '));
  const asked: Asked[] = [];
  let server: Server | undefined;
  const file = (path: string, text: string): string => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
    return join(root, path);
  };
  file('config/gateway.yaml', 'profile: dev\n');
  file('config/identities.yaml', 'default: spiffe://poc.local/agents/mcp-client/my-agent/dev\nidentities:\n  # the first one\n  - spiffe_id: spiffe://poc.local/agents/mcp-client/my-agent/dev\n    description: mine\n');
  file('config/capability-registry-v2.yaml', 'tools: []\n');
  mkdirSync(join(root, '.precinct'), { mode: 0o700 });
  return {
    root,
    asked,
    file,
    agw: (line, options = {}) => run(root, line, options),
    serve: async (answers) => {
      server = await listen(join(root, '.precinct', 'control.sock'), answers, asked);
    },
    close: async () => {
      await new Promise((done) => (server === undefined ? done(undefined) : server.close(done)));
      rmSync(root, { recursive: true, force: true });
    },
  };
}

export function copyPolicies(bench: Bench): void {
  cpSync(join(REPOSITORY, 'policies'), join(bench.root, 'policies'), { recursive: true });
}

/** What else a gateway starts with. */
export function copyConfig(bench: Bench): void {
  for (const name of ['risk_thresholds.yaml', 'destinations.yaml', 'session_chains.yaml', 'dlp']) cpSync(join(REPOSITORY, 'config', name), join(bench.root, 'config', name), { recursive: true });
}

async function run(root: string, line: readonly string[], options: RunOptions): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const stdin = Object.assign(Readable.from(options.stdin === undefined ? [] : [Buffer.from(options.stdin)]), { isTTY: false });
  const terminal: Terminal = {
    isTty: options.tty ?? false,
    width: options.tty === true ? (options.width ?? 160) : Infinity,
    colors: pc.createColors(false),
    stdin: stdin as unknown as NodeJS.ReadStream,
    stderr: process.stderr,
    print: (text) => void out.push(text),
    warn: (text) => void err.push(text),
  };
  const code = await runCommandLine(line, { terminal, environment: readEnvironment(options.env ?? {}), workingDir: options.cwd ?? root, installedIn: root });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

function listen(socketPath: string, answers: Answers, asked: Asked[]): Promise<Server> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const path = request.url ?? '';
      const text = Buffer.concat(chunks).toString();
      const body: unknown = text === '' ? undefined : JSON.parse(text);
      asked.push({ method: request.method ?? '', path, body });
      const answer = answers[`${request.method ?? ''} ${path.split('?', 1)[0] ?? ''}`]?.(body) ?? { status: 404, json: { error: { code: 'not_found', message: 'there is no such thing' } } };
      response.writeHead(answer.status ?? 200, { 'content-type': 'application/json' }).end(JSON.stringify(answer.json));
    });
  });
  return new Promise((done, reject) => {
    server.once('error', reject);
    server.listen(socketPath, () => done(server));
  });
}
