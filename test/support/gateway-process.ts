// The gateway as users run it: the built program in a temporary project, on a free port, with its audit log, control socket and signals.
import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type Agent, type IncomingHttpHeaders, type RequestOptions } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { seedCache, shareCache } from './kept-cache.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const CALLER = 'spiffe://poc.local/agents/mcp-client/my-agent/dev';
const READY_TRIES = 1200;
const TRY_EVERY_MS = 50;

export interface ProjectTool {
  readonly name: string;
  readonly upstream: string;
  readonly hash: string;
  readonly description?: string;
  readonly risk_level?: 'low' | 'medium' | 'high' | 'critical';
  readonly [member: string]: unknown;
}

export interface GatewayOptions {
  /** Members of gateway.yaml beside the profile and port. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Replaces the shipped registry. */
  readonly tools?: readonly ProjectTool[];
  /** Replaces the shipped policies' permission for the demo: Rego text by file name. */
  readonly policies?: Readonly<Record<string, string>>;
  readonly identities?: Readonly<Record<string, unknown>>;
  /** Further files, relative to the project. */
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** The folder the program is started in, if not the project's. */
  readonly startedIn?: string;
  /** Called with the project's folder before the program starts. */
  readonly prepare?: (dir: string) => void;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

export interface GatewayProcess {
  readonly dir: string;
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** null while it runs, or where a signal ended it. */
  readonly exitCode: number | null;
  /** null where none ended it. */
  readonly signal: NodeJS.Signals | null;
  stderr(): string;
  post(body: string | Uint8Array, headers?: Readonly<Record<string, string>>, path?: string, agent?: Agent): Promise<HttpAnswer>;
  http(method: string, path: string, headers?: Readonly<Record<string, string>>, body?: string | Uint8Array, agent?: Agent): Promise<HttpAnswer>;
  control(method: 'GET' | 'POST', path: string, body?: unknown): Promise<HttpAnswer>;
  /** Every audit line of the given type, oldest first. */
  lines(type?: string): Record<string, unknown>[];
  kill9(): Promise<void>;
  /** Starts the program again over the same project. */
  restart(): Promise<void>;
  stop(): Promise<number | null>;
}

/** Permits `caller` every method on every tool. */
export function permitAll(caller = CALLER): string {
  return `package precinct.authz\n\nimport rego.v1\n\nallow if input.caller_spiffe_id == "${caller}"\n`;
}

export function makeProject(options: GatewayOptions = {}): string {
  const dir = mkdtempSync(join(tmpdir(), 'precinct-process-'));
  cpSync(join(ROOT, 'config'), join(dir, 'config'), { recursive: true, filter: (path) => !path.endsWith('.rego') });
  if (options.policies === undefined) cpSync(join(ROOT, 'policies'), join(dir, 'policies'), { recursive: true });
  const write = (file: string, text: string): void => {
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    writeFileSync(join(dir, file), text);
  };
  write('config/gateway.yaml', JSON.stringify({ profile: 'dev', ...options.config, front: { port: 0, ...(options.config?.['front'] as object | undefined) } }));
  if (options.tools !== undefined) write('config/capability-registry-v2.yaml', JSON.stringify({ tools: options.tools.map((tool) => ({ description: '', risk_level: 'low', input_schema: {}, ...tool })) }));
  if (options.identities !== undefined) write('config/identities.yaml', JSON.stringify(options.identities));
  for (const [name, text] of Object.entries(options.policies ?? {})) write(`config/opa/policies/${name}`, text);
  for (const [name, text] of Object.entries(options.files ?? {})) write(name, text);
  seedCache(dir);
  return dir;
}

/** Runs the program until it says where it listens; rejects with what it printed when it ends first. */
export async function startGateway(options: GatewayOptions = {}): Promise<GatewayProcess> {
  if (!existsSync(join(ROOT, 'dist', 'main.js'))) throw new Error('dist/ is not built: npm run build');
  const gateway = new RunningGateway(makeProject(options), options.env ?? {}, options.startedIn);
  try {
    options.prepare?.(gateway.dir);
    await gateway.restart();
  } catch (fault) {
    await gateway.kill9(); // it may only have been too slow
    rmSync(gateway.dir, { recursive: true, force: true });
    throw fault;
  }
  return gateway;
}

/** What the program prints and how it ends when it must not start; or when it has said `said`, and is then asked to stop. */
export async function runToEnd(dir: string, openFilesMax?: number, said?: RegExp): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const words = [process.execPath, join(ROOT, 'dist', 'main.js'), '--config', join('config', 'gateway.yaml')];
  const [program = '', ...rest] = openFilesMax === undefined ? words : ['sh', '-c', `ulimit -n ${openFilesMax}; exec "$0" "$@"`, ...words];
  const child = spawn(program, rest, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (part: Buffer) => {
    stderr += part.toString();
    if (said?.test(stderr) === true) child.kill('SIGTERM');
  });
  return new Promise((resolve) => child.once('exit', (code) => resolve({ code, stderr })));
}

class RunningGateway implements GatewayProcess {
  readonly dir: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #cwd: string;
  #child: ChildProcess | undefined;
  #said = '';
  url = '';
  port = 0;

  constructor(dir: string, env: Readonly<Record<string, string>>, startedIn = dir) {
    this.dir = dir;
    this.#env = env;
    this.#cwd = startedIn;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get exitCode(): number | null {
    return this.#child?.exitCode ?? null;
  }

  get signal(): NodeJS.Signals | null {
    return this.#child?.signalCode ?? null;
  }

  stderr(): string {
    return this.#said;
  }

  async restart(): Promise<void> {
    this.#said = '';
    const config = join(relative(this.#cwd, this.dir), 'config', 'gateway.yaml');
    const child = spawn(process.execPath, [join(ROOT, 'dist', 'main.js'), '--config', config], { cwd: this.#cwd, stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...this.#env } });
    this.#child = child;
    child.stderr.on('data', (part: Buffer) => { this.#said += part.toString(); });
    for (let tries = 0; tries < READY_TRIES; tries++) {
      const address = /listening: (https?:\/\/\S+)/.exec(this.#said)?.[1];
      if (address !== undefined) {
        this.url = /listening: (http:\/\/\S+)/.exec(this.#said)?.[1] ?? address;
        this.port = Number(new URL(this.url).port);
        shareCache(this.dir);
        return;
      }
      if (child.exitCode !== null) break;
      await sleep(TRY_EVERY_MS);
    }
    throw new Error(`the gateway did not start:\n${this.#said}`);
  }

  post(body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}, path = '/', agent?: Agent): Promise<HttpAnswer> {
    return this.http('POST', path, { 'content-type': 'application/json', 'x-spiffe-id': CALLER, ...headers }, body, agent);
  }

  http(method: string, path: string, headers: Readonly<Record<string, string>> = {}, body?: string | Uint8Array, agent?: Agent): Promise<HttpAnswer> {
    return exchange({ host: '127.0.0.1', port: this.port, method, path, headers, agent: agent ?? false }, body);
  }

  control(method: 'GET' | 'POST', path: string, body?: unknown): Promise<HttpAnswer> {
    return exchange({ socketPath: join(this.dir, '.precinct', 'control.sock'), method, path, headers: { 'content-type': 'application/json' }, agent: false }, body === undefined ? undefined : JSON.stringify(body));
  }

  lines(type?: string): Record<string, unknown>[] {
    const dir = join(this.dir, '.precinct', 'audit');
    const files = readdirSync(dir).filter((name) => name.endsWith('.jsonl')).sort((a, b) => firstSeq(a) - firstSeq(b));
    const lines = files.flatMap((name) => readFileSync(join(dir, name), 'utf8').split('\n').slice(0, -1)) // what has no line end yet is being written
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    return type === undefined ? lines : lines.filter((line) => line['type'] === type);
  }

  async kill9(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<number | null> {
    const code = await this.#end('SIGTERM');
    rmSync(this.dir, { recursive: true, force: true });
    return code;
  }

  #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child?.exitCode ?? null);
    return new Promise((resolve) => {
      child.once('exit', (code) => resolve(code));
      child.kill(signal);
    });
  }
}

/** The newest file has no number in its name. */
function firstSeq(name: string): number {
  return Number(/audit-(\d+)\.jsonl/.exec(name)?.[1] ?? Number.MAX_SAFE_INTEGER);
}

function exchange(options: RequestOptions, body: string | Uint8Array | undefined): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(options, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(parts).toString('utf8');
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: parse(text) });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
