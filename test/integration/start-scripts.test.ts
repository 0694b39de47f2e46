// What make up starts: a start that fails says its own lines alone, and leaves nothing of its own running.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { freePort } from '../support/free-port.js';
import { isRunning } from '../support/running.js';
import { until } from '../support/until.js';

interface Part {
  readonly what: string;
  readonly words: readonly string[];
  readonly part: string;
  readonly pidFile: string;
  readonly log: string;
  readonly port?: number;
  readonly buildFile?: string;
}
interface Here {
  readonly configFile: string;
  readonly stateDir: string;
  readonly gateway: Part;
  readonly demo: Part;
}

const script = (name: string): string => pathToFileURL(join(import.meta.dirname, '..', '..', 'scripts', name)).href;
const { startBoth } = (await import(script('start.mjs'))) as { startBoth: (here: Here, config: { front: { port: number } }, built: string) => Promise<void> };
const { runningPid, stop } = (await import(script('processes.mjs'))) as { runningPid: (pidFile: string, part: string) => number | undefined; stop: (pidFile: string, part: string) => Promise<boolean> };

let dir: string;
let here: Here;
let port: number;
/** Where the demo server says its process itself. */
const demoStarted = (): string => join(dir, 'demo.started');

function program(name: string, text: string): string {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'precinct-start-'));
  port = await freePort();
  const demo = program('demo.mjs', 'import { writeFileSync } from "node:fs"; import { createServer } from "node:net"; writeFileSync(process.argv[3], String(process.pid)); createServer((s) => s.end()).listen(Number(process.argv[2]), "127.0.0.1");');
  const gateway = program('broken.mjs', 'process.stderr.write("config/x.yaml:3:1: the cause of this start\\n"); process.exit(2);');
  here = {
    configFile: program('gateway.yaml', 'profile: dev\n'), stateDir: dir,
    gateway: { what: 'the gateway', words: [gateway], part: 'broken.mjs', pidFile: join(dir, 'gateway.pid'), log: join(dir, 'gateway.log'), buildFile: join(dir, 'gateway.build') },
    demo: { what: 'the demo server', words: [demo, String(port), demoStarted()], part: 'demo.mjs', port, pidFile: join(dir, 'demo.pid'), log: join(dir, 'demo.log') },
  };
});
afterEach(async () => {
  await stop(here.demo.pidFile, here.demo.part);
  rmSync(dir, { recursive: true, force: true });
});

const failure = (): Promise<string> => startBoth(here, { front: { port: 1 } }, 'b').then(() => 'started', (error: unknown) => (error instanceof Error ? error.message : ''));

describe('a start that fails', () => {
  it('says what this start logged, and nothing of earlier ones', async () => {
    writeFileSync(here.gateway.log, 'config/old.yaml:9:9: a cause that was repaired long ago\n');
    const message = await failure();
    expect(message).toContain('config/x.yaml:3:1');
    expect(message).not.toContain('old.yaml');
    expect(readFileSync(here.gateway.log, 'utf8')).toContain('old.yaml');
  });

  it('stops the demo server that it started', async () => {
    await failure();
    expect(existsSync(here.demo.pidFile)).toBe(false);
    // Its port may be another program's by now.
    const pid = Number(readFileSync(demoStarted(), 'utf8'));
    expect(pid).toBeGreaterThan(1);
    await until(() => !isRunning(pid));
  });

  it('leaves one alone that ran before', async () => {
    const gateway = here.gateway;
    const well = program('well.mjs', 'import { createServer } from "node:http"; createServer((q, s) => s.end("{}")).listen(Number(process.argv[2]), "127.0.0.1");');
    const wellPort = await freePort();
    here = { ...here, gateway: { ...gateway, words: [well, String(wellPort)], part: 'well.mjs' } };
    await startBoth(here, { front: { port: wellPort } }, 'b');
    await stop(here.gateway.pidFile, here.gateway.part);
    const pid = runningPid(here.demo.pidFile, here.demo.part);
    here = { ...here, gateway };
    expect(await failure()).toContain('config/x.yaml:3:1');
    expect(runningPid(here.demo.pidFile, here.demo.part)).toBe(pid);
    expect(pid).toBeDefined();
  });
});

describe('a gateway that runs already', () => {
  const VARIABLE = 'PRECINCT_TEST_TOOL_KEY';
  const gatewayPid = (): number | undefined => runningPid(here.gateway.pidFile, here.gateway.part);
  let front: number;
  const up = (): Promise<void> => startBoth(here, { front: { port: front } }, 'b');

  /** Ready at once, and says in its status whether it has the variable that a tool server wants. */
  beforeEach(async () => {
    front = await freePort();
    const gateway = program('gateway.mjs', `
import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
const error = process.env.${VARIABLE} ? null : 'its Authorization takes $ENV{${VARIABLE}}, and the gateway has no such variable';
const answer = (request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ upstreams: [{ error }] }));
rmSync(process.argv[3], { force: true });
createServer(answer).listen(process.argv[3], () => createServer(answer).listen(Number(process.argv[2]), '127.0.0.1'));
`);
    here = { ...here, gateway: { ...here.gateway, words: [gateway, String(front), join(dir, 'control.sock')], part: 'gateway.mjs' } };
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await stop(here.gateway.pidFile, here.gateway.part);
  });

  it('goes on, unless it lacks a variable that is set now', async () => {
    await up();
    const first = gatewayPid();
    await up();
    expect([first === undefined, gatewayPid()]).toEqual([false, first]);
    vi.stubEnv(VARIABLE, 'x');
    await up();
    const second = gatewayPid();
    expect([second === undefined, second === first]).toEqual([false, false]);
    await up();
    expect(gatewayPid()).toBe(second);
  });
});
