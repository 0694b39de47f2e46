// Tool servers that are processes, through the built gateway with two threads: one process for all, or one for each session; what its end means; and that none is left behind.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { CALLER, permitAll, startGateway, type GatewayProcess, type HttpAnswer, type ProjectTool } from '../support/gateway-process.js';
import { call, codeOf, eventually, modernCall, openSession, openStream, registration } from './calls.js';

const PROGRAM = fileURLToPath(new URL('../support/stdio-server.mjs', import.meta.url));
const NAMES = ['echo', 'self', 'die', 'hang', 'big', 'ask', 'progress', 'change'];
const CALLS = 24;

let gateway: GatewayProcess | undefined;
let stopped = true;
afterEach(async () => {
  if (!stopped) await gateway?.stop();
  stopped = true;
});

interface Server {
  readonly upstream: string;
  readonly command?: string;
  readonly args?: readonly string[];
  readonly [member: string]: unknown;
}

const registryOf = (servers: readonly Server[], tools: readonly ProjectTool[]): string => JSON.stringify({ servers, tools: tools.map((tool) => ({ description: '', risk_level: 'low', input_schema: {}, ...tool })) });
const serverOf = (more: Readonly<Record<string, unknown>> = {}): Server => ({ upstream: 'stdio:tests', command: process.execPath, args: [PROGRAM], ...more });
const TOOLS = NAMES.map((name) => registration(name, 'stdio:tests'));

async function start(servers: readonly Server[] = [serverOf()], tools: readonly ProjectTool[] = TOOLS, config: Readonly<Record<string, unknown>> = {}, env: Readonly<Record<string, string>> = {}): Promise<GatewayProcess> {
  gateway = await startGateway({
    env,
    policies: { 'all.rego': permitAll() }, files: { 'config/capability-registry-v2.yaml': registryOf(servers, tools) },
    config: { threads: { gateway: 2 }, rate_limit: { per_minute: 100_000, burst: 10_000 }, breaker: { failures_to_open: 1000 }, ...config },
  });
  stopped = false;
  return gateway;
}

interface Process {
  readonly pids: readonly number[];
  readonly ended: number;
  readonly last_end?: { readonly reason: string };
}

async function processOf(running: GatewayProcess): Promise<Process> {
  const { upstreams } = (await running.control('GET', '/v1/status')).json as { upstreams: { process: Process }[] };
  return upstreams[0]?.process ?? { pids: [], ended: 0 };
}

const textOf = ({ json }: HttpAnswer): string => ((json['result'] as { content?: { text?: string }[] } | undefined)?.content ?? [])[0]?.text ?? '';
const selfOf = (answer: HttpAnswer): { pid: number; env: Record<string, string>; cwd: string; files: [number, string][]; hanging: number; cancelled: number[] } => JSON.parse(textOf(answer)) as never;

function isRunning(pid: number): boolean {
  try {
    // One that nobody has waited for yet is gone all the same.
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.startsWith('Z') === false;
  } catch {
    return false;
  }
}

describe('a shared process', () => {
  it('serves all threads, eras and sessions, and has nothing of the gateway but its pipes', async () => {
    const running = await start([serverOf({ env: { KEY: 'value' } })]);
    const session = await openSession(running);
    const modern = modernCall('self');
    const answers = await Promise.all([...Array.from({ length: CALLS }, (_, n) => running.post(call('self', {}, n))), running.post(call('self'), session), running.post(modern.body, modern.headers)]);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    const seen = answers.map(selfOf);
    expect(new Set(seen.map(({ pid }) => pid)).size).toBe(1);
    expect((await processOf(running)).pids).toEqual([seen[0]?.pid]);
    expect(Object.keys(seen[0]?.env ?? {}).filter((name) => !['PATH', 'HOME', 'LANG'].includes(name))).toEqual(['KEY']);
    expect([seen[0]?.cwd, seen[0]?.files.filter(([, target]) => /socket|sqlite|jsonl|\.precinct|\.node/.test(target))]).toEqual([running.dir, []]);
    expect(running.lines('request').filter((line) => line['tool'] === 'self' && line['decision'] === 'ALLOW' && line['status'] === 200)).toHaveLength(CALLS + 2);
  });

  it('lists its tools, reports progress, and cannot ask a client that shares it', async () => {
    const running = await start();
    const session = await openSession(running, {}, { capabilities: { sampling: {} } });
    const list = await running.post('{"jsonrpc":"2.0","id":1,"method":"tools/list"}', session);
    expect(((list.json['result'] as { tools: { name: string }[] }).tools).map(({ name }) => name).sort()).toEqual([...NAMES].sort());
    const progress = await running.post('{"jsonrpc":"2.0","id":"p","method":"tools/call","params":{"name":"progress","arguments":{},"_meta":{"progressToken":"t"}}}', session);
    expect(progress.text.match(/"progressToken":"t","progress":\d/g)).toHaveLength(2);
    expect(progress.text).toContain('"id":"p"');
    expect((await running.post(call('ask'), session)).text).toContain('-32601');
  });

  it('that is killed under load fails its calls, each with its record, and is there again', async () => {
    const running = await start();
    const { pid } = selfOf(await running.post(call('self')));
    const hanging = Array.from({ length: CALLS }, (_, n) => running.post(call('hang', {}, n)));
    expect(await eventually(async () => selfOf(await running.post(call('self'))).hanging === CALLS)).toBe(true);
    process.kill(pid, 'SIGKILL');
    const codes = (await Promise.all(hanging)).map(codeOf);
    expect(codes).toEqual(codes.map(() => 'mcp_transport_failed'));
    expect(running.lines('request').filter((line) => line['tool'] === 'hang' && line['code'] === 'mcp_transport_failed')).toHaveLength(CALLS);
    expect(await eventually(async () => (await running.post(call('echo', { text: 'again' }))).status === 200)).toBe(true);
    const now = await processOf(running);
    expect([now.ended, now.last_end?.reason, now.pids.includes(pid), now.pids.length]).toEqual([1, 'it was ended by SIGKILL', false, 1]);
  });

  it('that stands still while it lives is ended, and there again', async () => {
    const running = await start([serverOf()], TOOLS, { registry: { refresh_interval_s: 1, list_timeout_ms: 200 } });
    const { pid } = selfOf(await running.post(call('self')));
    process.kill(pid, 'SIGSTOP');
    expect(await eventually(async () => (await processOf(running)).ended > 0)).toBe(true);
    expect((await processOf(running)).last_end?.reason).toContain('said nothing while 3 listings waited');
    expect(await eventually(async () => (await running.post(call('self'))).status === 200)).toBe(true);
    expect(await eventually(() => !isRunning(pid))).toBe(true);
  });

  it('outlives a gateway thread, whose calls it is told are over, and is reached by the one that takes its place', async () => {
    const running = await start(undefined, undefined, {}, { NODE_OPTIONS: `--require ${fileURLToPath(new URL('./break-thread.cjs', import.meta.url))}` });
    const { pid, env } = selfOf(await running.post(call('self')));
    const hanging = Array.from({ length: CALLS }, (_, n) => running.post(call('hang', {}, n)));
    expect(await eventually(async () => selfOf(await running.post(call('self'))).hanging === CALLS)).toBe(true);
    writeFileSync(join(running.dir, 'crash-1'), '');
    expect(await eventually(() => running.lines('event').some((line) => line['event'] === 'thread_replaced'))).toBe(true);
    const lost = running.lines('request').filter((line) => line['tool'] === 'hang' && line['code'] === 'gateway_fault').length;
    expect(await eventually(async () => selfOf(await running.post(call('self'))).cancelled.length === lost)).toBe(true);
    const after = await Promise.all(Array.from({ length: CALLS }, () => running.post(call('self'))));
    expect([lost > 0, new Set(after.map((answer) => selfOf(answer).pid)), env['NODE_OPTIONS']]).toEqual([true, new Set([pid]), undefined]);
    process.kill(pid, 'SIGKILL');
    await Promise.all(hanging);
  });

  it('is told when a client hangs up', async () => {
    const running = await start();
    const hanging = openStream(running, 'POST', {}, call('hang'));
    expect(await eventually(async () => selfOf(await running.post(call('self'))).hanging === 1)).toBe(true);
    hanging.hangUp();
    expect(await eventually(async () => selfOf(await running.post(call('self'))).cancelled.length === 1)).toBe(true);
  });

  it('that answers more than one may is refused, and goes on', async () => {
    const running = await start(undefined, undefined, { upstream: { answer_bytes_max: 65_536 } });
    const refused = await running.post(call('big', { bytes: 200_000 }));
    expect([codeOf(refused), refused.text.includes('answer_too_large')]).toEqual(['mcp_invalid_response', true]);
    expect(textOf(await running.post(call('echo', { text: 'on' })))).toBe('on');
    expect((await processOf(running)).ended).toBe(0);
  });

  it('that changes its tools is listed anew, and what is missing is refused', async () => {
    const running = await start([serverOf()], [...TOOLS, registration('split', 'stdio:tests')]);
    expect((await running.post(call('split'))).status).toBe(200);
    await running.post(call('change'));
    expect(await eventually(async () => codeOf(await running.post(call('split'))) === 'registry_tool_unverified')).toBe(true);
  });

  it('whose entry is gone ends; one that is new is served', async () => {
    const running = await start();
    const { pid } = selfOf(await running.post(call('self')));
    writeFileSync(join(running.dir, 'config/capability-registry-v2.yaml'), registryOf([serverOf({ upstream: 'stdio:other' })], [registration('self', 'stdio:other')]));
    expect((await running.control('POST', '/v1/reload', {})).status).toBe(200);
    expect(await eventually(() => !isRunning(pid))).toBe(true);
    expect(await eventually(async () => (await running.post(call('self'))).status === 200)).toBe(true);
  });

  it('without which a tool is registered is a fault of the file, with its line', async () => {
    const running = await start();
    writeFileSync(join(running.dir, 'config/capability-registry-v2.yaml'), registryOf([], TOOLS));
    const refused = await running.control('POST', '/v1/reload', {});
    expect([refused.status, refused.text.includes('"line":1'), refused.text.includes('stdio:tests has no entry in servers')]).toEqual([422, true, true]);
    expect(textOf(await running.post(call('echo', { text: 'as before' })))).toBe('as before');
  });
});

describe('a process for each session', () => {
  it('is started for the session and ends with it; more than may run are refused', async () => {
    const running = await start([serverOf({ instance: 'session' })], undefined, { upstream: { processes_max: 2 } });
    const [one, two, three] = [await openSession(running), await openSession(running), await openSession(running)];
    const pids = [selfOf(await running.post(call('self'), one)).pid, selfOf(await running.post(call('self'), two)).pid];
    expect(new Set(pids).size).toBe(2);
    expect(codeOf(await running.post(call('self'), three))).toBe('mcp_request_failed');
    expect((await running.http('DELETE', '/', { 'x-spiffe-id': CALLER, ...one })).status).toBe(204);
    expect(await eventually(() => !isRunning(pids[0] ?? 0))).toBe(true);
    expect(await eventually(async () => (await running.post(call('self'), three)).status === 200)).toBe(true);
    expect(isRunning(pids[1] ?? 0)).toBe(true);
  });

  it('may ask its client', async () => {
    const running = await start([serverOf({ instance: 'session' })]);
    const session = await openSession(running, {}, { capabilities: { sampling: {} } });
    const asking = openStream(running, 'POST', session, call('ask'));
    expect(await eventually(() => asking.text.includes('sampling/createMessage'))).toBe(true);
    expect((await running.post('{"jsonrpc":"2.0","id":"q1","result":{"role":"assistant","content":{"type":"text","text":"hi"},"model":"m"}}', session)).status).toBe(202);
    expect(await eventually(() => asking.ended)).toBe(true);
    expect(asking.text).toContain('assistant');
    expect(running.lines('server_request')).toHaveLength(1);
  });
});

describe('when the gateway ends', () => {
  const stubborn = serverOf({ upstream: 'stdio:stubborn', args: [PROGRAM, '--ignore-end'] });
  const both = [...TOOLS, registration('log', 'stdio:stubborn')];
  const pidsOf = async (running: GatewayProcess): Promise<number[]> => {
    const { upstreams } = (await running.control('GET', '/v1/status')).json as { upstreams: { process: Process }[] };
    return upstreams.flatMap(({ process: one }) => one.pids);
  };

  it('no process is left, whatever it ignores', async () => {
    const running = await start([serverOf(), stubborn], both);
    const pids = await pidsOf(running);
    expect(pids).toHaveLength(2);
    stopped = true;
    expect(await running.stop()).toBe(0);
    expect(pids.filter(isRunning)).toEqual([]);
  });

  it('by kill -9, they end with their input, and the others when it starts again', async () => {
    const running = await start([serverOf(), stubborn], both);
    const pids = await pidsOf(running);
    await running.kill9();
    expect(await eventually(() => pids.filter(isRunning).length === 1)).toBe(true);
    await running.restart();
    expect(await eventually(() => pids.filter(isRunning).length === 0)).toBe(true);
    expect(textOf(await running.post(call('echo', { text: 'again' })))).toBe('again');
  });
});
