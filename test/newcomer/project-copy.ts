// A copy of the project on free ports, and the gateway and the demo server in it as make up starts them: what a page shows is typed here.
import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../support/free-port.js';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COPIED = ['config', 'policies', 'bin', 'examples', 'package.json'];
const LINKED = ['dist', 'native', 'node_modules'];
const WITH_PORTS = ['config/gateway.yaml', 'config/capability-registry-v2.yaml'];
const READY_TRIES = 600;
const TRY_EVERY_MS = 50;

export class ProjectCopy {
  readonly dir: string;
  readonly gatewayPort: number;
  readonly demoPort: number;
  readonly #running: ChildProcess[] = [];

  private constructor(dir: string, gatewayPort: number, demoPort: number) {
    this.dir = dir;
    this.gatewayPort = gatewayPort;
    this.demoPort = demoPort;
  }

  /** `name` has a space, as a home folder may have. */
  static async make(name: string): Promise<ProjectCopy> {
    if (!existsSync(join(ROOT, 'dist', 'main.js'))) throw new Error('dist/ is not built: make test builds it');
    const copy = new ProjectCopy(mkdtempSync(join(tmpdir(), name)), await freePort(), await freePort());
    for (const one of COPIED) cpSync(join(ROOT, one), join(copy.dir, one), { recursive: true });
    for (const one of LINKED) symlinkSync(join(ROOT, one), join(copy.dir, one));
    mkdirSync(join(copy.dir, '.precinct'), { mode: 0o700 });
    for (const file of WITH_PORTS) copy.edit(file, (text) => copy.onOurPorts(text));
    return copy;
  }

  onOurPorts(text: string): string {
    return text.replaceAll('localhost:9090', `localhost:${this.gatewayPort}`).replaceAll('127.0.0.1:9191', `127.0.0.1:${this.demoPort}`).replaceAll('port: 9090', `port: ${this.gatewayPort}`);
  }

  edit(file: string, change: (text: string) => string): void {
    writeFileSync(join(this.dir, file), change(readFileSync(join(this.dir, file), 'utf8')));
  }

  async start(): Promise<void> {
    await this.#started([join('examples', 'demo-server', 'server.mjs'), '--port', String(this.demoPort)], /demo MCP server on/);
    await this.#started([join(ROOT, 'dist', 'main.js'), '--config', 'config/gateway.yaml'], /listening:/);
  }

  async #started(args: readonly string[], sign: RegExp): Promise<void> {
    const child = spawn(process.execPath, args, { cwd: this.dir, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#running.push(child);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => { said += part.toString(); });
    for (let tries = 0; tries < READY_TRIES && !sign.test(said) && child.exitCode === null; tries++) await sleep(TRY_EVERY_MS);
    if (!sign.test(said)) throw new Error(`${args.join(' ')} does not serve:\n${said}`);
  }

  async stop(): Promise<void> {
    for (const child of this.#running.reverse()) {
      if (child.exitCode !== null) continue;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    }
    rmSync(this.dir, { recursive: true, force: true });
  }
}
