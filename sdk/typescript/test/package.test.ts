// The tarball: what is in it, that it installs from file into an empty folder without a network, runs there, and has types that compile. And the examples, as they are.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GatewayClient } from '../src/index.js';
import { accepted, json, refusal, result, startScripted, text, type ScriptedGateway } from './support/scripted-gateway.js';

const PACKAGE = dirname(import.meta.dirname);
const ROOT = join(PACKAGE, '..', '..');
const run = promisify(execFile);
const manifest = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as { version: string; dependencies?: object; peerDependenciesMeta: Record<string, { optional: boolean }>; peerDependencies: Record<string, string> };

let dir: string;
let gateway: ScriptedGateway;
let packed: readonly string[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'precinct-sdk-'));
  gateway = await startScripted();
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', dir], { cwd: PACKAGE });
  const [tarball] = JSON.parse(stdout) as { filename: string; files: { path: string }[] }[];
  packed = tarball?.files.map(({ path }) => path) ?? [];
  mkdirSync(join(dir, 'app'));
  writeFileSync(join(dir, 'app', 'package.json'), '{"type":"module","private":true}');
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', join(dir, tarball?.filename ?? '')], { cwd: join(dir, 'app') });
});
afterAll(async () => {
  await gateway.close();
  rmSync(dir, { recursive: true, force: true });
});

const node = (folder: string, args: readonly string[], env: Record<string, string> = {}) => run(process.execPath, args, { cwd: folder, env: { ...process.env, PRECINCT_GATEWAY_URL: gateway.url, ...env } })
  .then(({ stdout, stderr }) => ({ code: 0, said: stdout, stderr }), (error: unknown) => ({ code: (error as { code: number }).code, said: (error as { stdout: string }).stdout, stderr: (error as { stderr: string }).stderr }));

describe('the tarball', () => {
  it('holds what is needed to use it, and nothing else', () => {
    expect(packed).toEqual(expect.arrayContaining(['package.json', 'README.md', 'LICENSE', 'docs/api.md', 'dist/index.js', 'dist/index.d.ts', 'dist/ai.js', 'dist/ai.d.ts', 'examples/call.mjs']));
    expect(packed.filter((path) => !/^(package\.json|README\.md|LICENSE|docs\/api\.md|dist\/.*\.(js|d\.ts)|examples\/[a-z]+\.mjs)$/.test(path))).toEqual([]);
  });

  it('needs no package', () => {
    expect(manifest.dependencies).toBeUndefined();
    expect(Object.keys(manifest.peerDependencies).filter((name) => manifest.peerDependenciesMeta[name]?.optional !== true)).toEqual([]);
    const lock = JSON.parse(readFileSync(join(dir, 'app', 'package-lock.json'), 'utf8')) as { packages: object };
    expect(Object.keys(lock.packages)).toEqual(['', 'node_modules/@precinct/sdk']);
  });

  it('runs where it was installed, and says what is missing for the Workload API', async () => {
    gateway.play(text('installed'));
    const program = 'import { GatewayClient } from "@precinct/sdk"; const client = new GatewayClient(); console.log((await client.callTool("t")).text); await client.close();';
    expect(await node(join(dir, 'app'), ['--input-type=module', '-e', program])).toEqual({ code: 0, said: 'installed\n', stderr: '' });
    const asking = 'import { GatewayClient } from "@precinct/sdk"; await new GatewayClient({ workloadApi: "unix:///nowhere" }).connect().catch((error) => console.log(`${error.name}: ${error.message}`));';
    expect(await node(join(dir, 'app'), ['--input-type=module', '-e', asking])).toMatchObject({ code: 0, said: 'ConfigurationError: The SPIFFE Workload API is spoken over gRPC, which is not installed: npm install @grpc/grpc-js\n' });
  });

  it('has types that a strict program compiles against', async () => {
    const program = 'import { GatewayClient, AuthorizationError, type ToolEvent } from "@precinct/sdk";\nconst client = new GatewayClient({ timeout: 3 });\nconst said: string = (await client.callTool("t", { a: [1] })).text;\nfor await (const event of client.streamTool("t")) take(event);\nfunction take(event: ToolEvent): void { if (event.type === "progress") console.log(event.progress.toFixed(), said); }\nexport const is = (error: unknown): string | undefined => (error instanceof AuthorizationError ? error.decisionId : undefined);\n';
    writeFileSync(join(dir, 'app', 'app.ts'), program);
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    expect(await node(join(dir, 'app'), [tsc, '--noEmit', '--strict', '--exactOptionalPropertyTypes', '--module', 'nodenext', '--target', 'es2022', '--lib', 'es2022,esnext.disposable,dom', 'app.ts'])).toMatchObject({ code: 0, said: '' });
  });

  it('says its own version', async () => {
    gateway.play(text('a'));
    gateway.seen.length = 0;
    const client = new GatewayClient({ gatewayUrl: gateway.url });
    await client.callTool('t');
    await client.close();
    expect(gateway.seen[0]?.body).toMatchObject({ params: { _meta: { 'io.modelcontextprotocol/clientInfo': { name: '@precinct/sdk', version: manifest.version } } } });
  });
});

describe('the example', () => {
  const example = (name: string, ...args: readonly string[]) => node(join(PACKAGE, 'examples'), [`${name}.mjs`, ...args]);

  it('call.mjs makes one call, or says why it was refused', async () => {
    gateway.play(text('hello'), refusal('authz_policy_denied'));
    expect(await example('call', 'my_tool', '{"query":"hello"}')).toMatchObject({ code: 0, said: expect.stringMatching(/^hello\nagw audit explain [0-9a-f]{32}\n$/) as string });
    expect(await example('call')).toMatchObject({ code: 1, said: 'AuthorizationError: authz_policy_denied (step 6, a_layer): It is authz_policy_denied. -> Do better. (decision d-1)\n' });
  });

  it('tools.mjs lists', async () => {
    gateway.play(result({ tools: [{ name: 'a', description: 'b', inputSchema: {} }] }));
    expect(await example('tools')).toMatchObject({ code: 0, said: expect.stringContaining('a: b\n') as string });
  });

  it('stream.mjs shows progress', async () => {
    gateway.play((seen, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/progress', params: { progress: 1, total: 2 } })}\n\n`);
      response.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id: seen.body['id'], result: { content: [{ type: 'text', text: 'end' }] } })}\n\n`);
    });
    expect(await example('stream')).toMatchObject({ code: 0, said: '1 of 2\nend\n' });
  });

  it('approval.mjs waits', async () => {
    gateway.play(refusal('stepup_approval_required', { more: { middleware_step: 9, details: { request_id: 'r', command: 'agw approvals approve r' } }, headers: { 'retry-after': '0' } }), text('up'));
    expect(await example('approval')).toMatchObject({ code: 0, said: 'An approver runs: agw approvals approve r\nup\n' });
  });

  it('session.mjs opens and ends one', async () => {
    gateway.seen.length = 0;
    gateway.play((seen, response, request) => {
      const { method } = seen.body;
      const play = method === 'initialize' ? result({ protocolVersion: '2025-11-25' }, { 'mcp-session-id': 's' }) : method === 'tools/call' ? text('in a session') : seen.method === 'GET' ? json({}, 405) : accepted;
      play(seen, response, request);
    });
    expect(await example('session')).toMatchObject({ code: 0, said: 'in a session\n' });
    expect(gateway.seen.at(-1)?.method).toBe('DELETE');
  });
});
