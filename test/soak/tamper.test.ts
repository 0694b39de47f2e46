// A real log, changed by hand in every simple way: `agw audit verify` finds the place and says it with exit code 1.
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { startToolServer, type ToolServer } from '../support/tool-server.js';
import { call, registration, toolText } from '../wire/calls.js';

const AGW = fileURLToPath(new URL('../../bin/agw', import.meta.url));
const NEWEST = 'audit.jsonl';
const CALLS = 120;

interface Verified {
  readonly status: number | null;
  readonly kind: string;
  readonly file?: string;
  readonly line?: number;
  readonly byte?: number;
  readonly seq?: number;
  readonly problem?: string;
}

let server: ToolServer;
let gateway: GatewayProcess;
const copies: string[] = [];

beforeAll(async () => {
  server = await startToolServer({ tools: [toolText('echo')] });
  gateway = await startGateway({
    config: { audit: { file_bytes_max: 64 * 1024 }, rate_limit: { per_minute: 1_000_000, burst: 100_000 } },
    policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url)],
  });
  for (let n = 0; n < CALLS; n++) await gateway.post(call(n % 2 === 0 ? 'echo' : 'unknown', { n }));
  await gateway.kill9();
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
  for (const copy of copies) rmSync(copy, { recursive: true, force: true });
});

function auditOf(project: string): string {
  return join(project, '.precinct', 'audit');
}

/** The oldest file: rotated, so that lines lie before and behind every place in it. */
function oldest(project: string): string {
  const names = readdirSync(auditOf(project)).filter((name) => /^audit-\d+\.jsonl$/.test(name)).sort((a, b) => Number(/\d+/.exec(a)) - Number(/\d+/.exec(b)));
  return names[0] ?? NEWEST;
}

/** A copy of the project in which `change` was made to the lines of `file`. */
function tampered(file: string, change: (lines: Buffer[]) => void): string {
  const copy = mkdtempSync(join(tmpdir(), 'precinct-tamper-'));
  copies.push(copy);
  cpSync(gateway.dir, copy, { recursive: true, filter: (path) => !path.endsWith('control.sock') });
  const path = join(auditOf(copy), file);
  const lines = readFileSync(path, 'latin1').split('\n').slice(0, -1).map((line) => Buffer.from(`${line}\n`, 'latin1'));
  change(lines);
  writeFileSync(path, Buffer.concat(lines));
  return copy;
}

function verify(project: string): Verified {
  const run = spawnSync(process.execPath, [AGW, 'audit', 'verify', '--json'], { cwd: project, encoding: 'utf8' });
  return { ...JSON.parse(run.stdout) as Omit<Verified, 'status'>, status: run.status };
}

/** Bytes before the line of this index. */
function startOf(lines: readonly Buffer[], index: number): number {
  return lines.slice(0, index).reduce((sum, line) => sum + line.length, 0);
}

function seqOf(line: Buffer | undefined): number {
  return (JSON.parse(line?.toString('utf8') ?? '{}') as { seq: number }).seq;
}

describe('a log as it was written', () => {
  it('is intact, over several files', () => {
    expect(verify(gateway.dir)).toMatchObject({ status: 0, kind: 'intact' });
    expect(readdirSync(auditOf(gateway.dir)).filter((name) => name.endsWith('.jsonl')).length).toBeGreaterThan(1);
  });
});

describe('what verify says of a changed log', () => {
  it('a flipped bit, in every part of a line', () => {
    const at = 5;
    for (const share of [0.02, 0.3, 0.6, 0.9, 0.995]) {
      let byte = 0;
      const copy = tampered(oldest(gateway.dir), (lines) => {
        byte = startOf(lines, at);
        const line = lines[at];
        if (line === undefined) return;
        const where = Math.floor((line.length - 1) * share);
        line[where] = (line[where] ?? 0) ^ 1;
      });
      expect(verify(copy)).toMatchObject({ status: 1, kind: 'broken', file: oldest(copy), line: at + 1, byte });
    }
  });

  it('a removed line', () => {
    let byte = 0;
    let seq = 0;
    const copy = tampered(oldest(gateway.dir), (lines) => {
      lines.splice(7, 1);
      byte = startOf(lines, 7);
      seq = seqOf(lines[7]);
    });
    expect(verify(copy)).toEqual(expect.objectContaining({ status: 1, kind: 'broken', file: oldest(copy), line: 8, byte, seq, problem: 'seq' }));
  });

  it('the first line removed, and the last of a file that is not the newest', () => {
    const first = tampered(oldest(gateway.dir), (lines) => void lines.shift());
    expect(verify(first)).toMatchObject({ status: 1, line: 1, byte: 0, problem: 'seq' });
    const last = tampered(oldest(gateway.dir), (lines) => void lines.pop());
    expect(verify(last)).toMatchObject({ status: 1, line: 1, byte: 0, problem: 'seq' });
    expect(verify(last).file).not.toBe(oldest(gateway.dir));
  });

  it('a swapped pair', () => {
    const copy = tampered(oldest(gateway.dir), (lines) => void lines.splice(3, 2, ...lines.slice(3, 5).reverse()));
    expect(verify(copy)).toMatchObject({ status: 1, kind: 'broken', file: oldest(copy), line: 4, problem: 'seq' });
  });

  it('a line given twice', () => {
    const copy = tampered(NEWEST, (lines) => void lines.splice(1, 0, lines[0] ?? Buffer.alloc(0)));
    expect(verify(copy)).toMatchObject({ status: 1, kind: 'broken', file: NEWEST, line: 2, problem: 'seq' });
  });

  it('a decision turned round and sealed again: the next line gives it away', () => {
    const copy = tampered(oldest(gateway.dir), (lines) => {
      const at = lines.findIndex((line, n) => n > 2 && line.includes('"decision":"DENY"'));
      const text = lines[at]?.toString('utf8').trimEnd().replace('"decision":"DENY"', '"decision":"ALLOW"') ?? '';
      const sealed = text.slice(0, text.lastIndexOf(',"hash":'));
      lines[at] = Buffer.from(`${sealed},"hash":"${createHash('sha256').update(`${sealed}}`).digest('hex')}"}\n`);
    });
    expect(verify(copy)).toMatchObject({ status: 1, kind: 'broken', file: oldest(copy), problem: 'prev_hash' });
  });

  it('a file that is missing in the middle', () => {
    const copy = tampered(NEWEST, () => undefined);
    rmSync(join(auditOf(copy), oldest(copy)));
    expect(verify(copy)).toMatchObject({ status: 1, kind: 'broken', line: 1, problem: 'seq' });
  });

  it('what is no line at all', () => {
    for (const [text, problem] of [['not json\n', 'json'], ['{}\n', 'json'], ['\n', 'json'], ['{"torn', 'torn']] as const) {
      const copy = tampered(NEWEST, (lines) => void lines.push(Buffer.from(text)));
      expect(verify(copy), JSON.stringify(text)).toMatchObject({ status: 1, kind: 'broken', file: NEWEST, problem });
    }
  });
});
