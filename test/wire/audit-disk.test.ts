// The audit log's disk fails: nothing is forwarded that could not be recorded, what was answered is in the log, and service returns with the disk.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeProject, permitAll, runToEnd, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { startToolServer, type ToolServer } from '../support/tool-server.js';
import { call, codeOf, eventually, registration, toolText } from './calls.js';

const AGW = fileURLToPath(new URL('../../bin/agw', import.meta.url));
const SMALL_KIB = 192;
const CALLS_MAX = 1000; // a record is about 1.5 KiB: a disk of 192 KiB is full long before

function mount(dir: string, options: string): boolean {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'precinct-test', dir]).status === 0;
}

function unmount(dir: string): void {
  spawnSync('umount', ['-l', dir]);
}

function canMount(): boolean {
  const dir = mkdtempSync(join(tmpdir(), 'precinct-mount-'));
  const mounted = mount(dir, 'size=64k');
  if (mounted) unmount(dir);
  rmSync(dir, { recursive: true, force: true });
  return mounted;
}

const MOUNTS = canMount();
const auditDir = (dir: string): string => join(dir, '.precinct', 'audit');

let server: ToolServer;
let gateway: GatewayProcess | undefined;

beforeEach(async () => {
  server = await startToolServer({ tools: [toolText('echo'), toolText('risky')] });
});

afterEach(async () => {
  await gateway?.kill9();
  if (gateway !== undefined && MOUNTS) unmount(auditDir(gateway.dir));
  await gateway?.stop();
  gateway = undefined;
  await server.close();
});

function start(prepare: (dir: string) => void = () => undefined): Promise<GatewayProcess> {
  return startGateway({
    prepare, policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url), registration('risky', server.url, { risk_level: 'high' })],
    config: { rate_limit: { per_minute: 1_000_000, burst: 100_000 } }, files: { 'config/risk_thresholds.yaml': 'thresholds: {pass: 12, checked: 12, approval: 12}\n' },
  });
}

function verify(dir: string): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [AGW, 'audit', 'verify', '--json'], { cwd: dir, encoding: 'utf8' });
  return { status, said: stdout + stderr };
}

function toolCalls(): number {
  return server.seen.filter((seen) => seen.rpcMethod === 'tools/call').length;
}

describe.skipIf(!MOUNTS)('a full disk (skipped where no tmpfs can be mounted)', () => {
  it('stops all calls with their code, keeps every answered record, and serves again once there is room', async () => {
    gateway = await start((dir) => mount(auditDir(dir), `size=${SMALL_KIB}k,mode=0700`));
    const answered: unknown[] = [];
    let refused: unknown;
    for (let n = 0; n < CALLS_MAX && refused === undefined; n++) {
      const ran = toolCalls();
      const answer = await gateway.post(call(n % 2 === 0 ? 'echo' : 'risky', { n }));
      if (answer.status === 200) answered.push(n);
      else refused = { status: answer.status, code: codeOf(answer), step: answer.json['middleware_step'], ran: toolCalls() > ran };
    }
    // Which line is the first without room is chance: an intent, or that of a call whose tool has run.
    expect([{ status: 503, code: 'audit_unavailable_fail_closed', step: 4, ran: false }, { status: 500, code: 'gateway_fault', step: 15, ran: true }]).toContainEqual(refused);
    const before = toolCalls();
    for (let n = 0; n < 5; n++) expect(codeOf(await gateway.post(call('risky')))).toBe('audit_unavailable_fail_closed');
    expect(toolCalls()).toBe(before);
    expect((await gateway.http('GET', '/ready', { host: 'localhost' })).status).toBe(503);
    expect(gateway.lines('request').filter((line) => line['decision'] === 'ALLOW' && line['code'] === null)).toHaveLength(answered.length);
    expect(spawnSync('mount', ['-o', 'remount,size=8m', auditDir(gateway.dir)]).status).toBe(0);
    expect(await eventually(async () => (await gateway?.post(call('risky')))?.status === 200)).toBe(true);
    expect(verify(gateway.dir)).toMatchObject({ status: 0 });
    const numbers = gateway.lines().map((line) => Number(line['seq']));
    expect(numbers).toEqual(numbers.map((_, at) => at + 1));
  }, 60_000);

  it('that cannot be written from the start stops the start, with the place', async () => {
    const dir = makeProject({ policies: {} });
    mount(auditDir(dir), 'size=64k,mode=0700');
    spawnSync('mount', ['-o', 'remount,ro', auditDir(dir)]);
    try {
      const { code, stderr } = await runToEnd(dir);
      expect(code).not.toBe(0);
      expect(stderr).toContain('audit');
    } finally {
      unmount(auditDir(dir));
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

describe('a log that is taken away', () => {
  it('stops all calls: lines that nobody can read are not a record', async () => {
    gateway = await start();
    expect((await gateway.post(call('echo'))).status).toBe(200);
    rmSync(join(auditDir(gateway.dir), 'audit.jsonl'));
    expect(codeOf(await gateway.post(call('risky')))).toBe('audit_unavailable_fail_closed');
    const before = toolCalls();
    expect(codeOf(await gateway.post(call('echo')))).toBe('audit_unavailable_fail_closed');
    expect(toolCalls()).toBe(before);
  });

  it('under a call that its tool has run already is not told as one that ran nothing, and has the call\'s line once it is back', async () => {
    gateway = await start();
    expect((await gateway.post(call('echo'))).status).toBe(200);
    const log = join(auditDir(gateway.dir), 'audit.jsonl');
    renameSync(log, `${log}.away`);
    const before = toolCalls();
    const answer = await gateway.post(call('echo'));
    expect([toolCalls() - before, answer.status, codeOf(answer), answer.json['reason_code']]).toEqual([1, 500, 'gateway_fault', 'answer_unrecorded']);
    expect(codeOf(await gateway.post(call('echo')))).toBe('audit_unavailable_fail_closed');
    renameSync(`${log}.away`, log);
    expect(await eventually(() => gateway?.lines('request').at(-1)?.['reason_code'] === 'answer_unrecorded')).toBe(true);
    expect(gateway.lines('request').at(-1)).toMatchObject({ decision: 'ALLOW', code: 'gateway_fault', status: 500, decision_id: answer.json['decision_id'] });
    expect(verify(gateway.dir)).toMatchObject({ status: 0 });
  });
});
