// kill −9 between every two steps from request to use, and at random moments: no grant is ever used twice, and none that was reserved is used again.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openApprovalStore } from '../../../../src/engines/step-up/approvals-store.js';
import { keepArguments } from '../../../../src/engines/step-up/arguments-shown.js';
import { createApprover, loadPublicKeys } from '../../../../src/engines/step-up/approver-keys.js';
import type { ApprovalRequest, ApprovalStore } from '../../../../src/engines/step-up/types.js';

const NOW = 1_000_000_000;
const BINDING = { caller: 'spiffe://poc.local/agents/mcp-client/my-agent/dev', tool: 'bash', toolHash: 'h', upstream: 'u', argumentsDigest: 'd', mcpSession: undefined };
/** Killed this many times at random moments in a row, over one database. */
const RANDOM_KILLS = 12;

let childDir = '';
let child = '';
beforeAll(async () => {
  childDir = mkdtempSync(join(tmpdir(), 'crash-child-'));
  child = join(childDir, 'child.mjs');
  // The bundle lies outside the project: packages are still looked for in it.
  const here = JSON.stringify(fileURLToPath(import.meta.url));
  await build({ entryPoints: [new URL('crash-child.ts', import.meta.url).pathname], outfile: child, bundle: true, platform: 'node', format: 'esm', target: 'node20', logLevel: 'silent', define: { 'import.meta.url': here } });
});
afterAll(() => rmSync(childDir, { recursive: true }));

describe('approvals under kill −9', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'crash-'));
    createApprover(join(dir, 'approvers'), 'alice', undefined);
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const open = (): ApprovalStore => openApprovalStore({ path: join(dir, 'approvals.sqlite'), requestTtlMs: 60_000, grantTtlMs: 60_000, pendingPerCallerMax: 10, approvers: () => loadPublicKeys(join(dir, 'approvers')), nowMs: NOW });
  const sent = (): string[] => (existsSync(join(dir, 'sent')) ? readFileSync(join(dir, 'sent'), 'utf8').split('\n').filter((line) => line !== '') : []);

  /** Resolves with the signal that ended it. */
  const run = (dieAfter: string, killAfterMs?: number): Promise<string> =>
    new Promise((resolve, reject) => {
      const running = spawn(process.execPath, [child, dir, dieAfter], { stdio: ['ignore', 'pipe', 'pipe'] });
      let errors = '';
      running.stderr.on('data', (chunk: Buffer) => void (errors += chunk.toString()));
      if (killAfterMs !== undefined) running.stdout.once('data', () => void setTimeout(() => running.kill('SIGKILL'), killAfterMs));
      running.once('error', reject);
      running.once('close', (code, signal) => (signal === null && code !== 0 ? reject(new Error(errors)) : resolve(signal ?? 'exit')));
    });

  it.each<[string, ApprovalRequest['state'] | undefined, number]>([
    ['open', undefined, 0],
    ['request', 'pending', 0],
    ['decide', 'approved', 0],
    ['reserve', 'consumed', 0],
    ['consume', 'consumed', 0],
    ['send', 'consumed', 1],
  ])('after %s the grant is %s, and was used %i times', async (step, state, times) => {
    expect(await run(step)).toBe('SIGKILL');
    const store = open();
    try {
      const [request, ...others] = store.list(undefined, NOW);
      expect([request?.state, others.length, sent().length]).toEqual([state, 0, times]);
      const next = store.reserveOrRequest(BINDING, 8, keepArguments('{}'), NOW);
      if (state === 'approved') expect(next).toMatchObject({ kind: 'reserved', requestId: request?.id });
      else expect(next.kind).toBe('pending');
      if (state === 'consumed') expect(next.requestId).not.toBe(request?.id);
    } finally {
      store.close();
    }
  });

  it('uses no grant twice over random kills', async () => {
    for (let n = 0; n < RANDOM_KILLS; n += 1) await run('never', (n * 7) % 40);
    const uses = sent();
    expect(new Set(uses).size).toBe(uses.length);
    const store = open();
    try {
      const states = new Map(store.list(undefined, NOW).map((one) => [one.id, one.state]));
      expect(uses.slice(-900).filter((id) => states.has(id) && states.get(id) !== 'consumed')).toEqual([]);
      expect(store.list('reserved', NOW)).toEqual([]);
    } finally {
      store.close();
    }
  });
});
