// Following a log: what there is first, then each line once and in order, whatever the writer does meanwhile.
import { appendFileSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FileWriter, REAL_DISK } from '../../../../src/audit/file-writer.js';
import { sealLine } from '../../../../src/audit/hash-chain.js';
import { AuditLogMissing, type AuditFilter } from '../../../../src/audit/reader/filter.js';
import { tailAudit } from '../../../../src/audit/reader/tail.js';
import { eventLine, intentLine, requestLine, type RequestLineFacts } from '../../../../src/audit/record.js';
import { requestFacts, scratchDir, sealedLog, type SealedLog } from '../line-fixture.js';
import { until } from '../../../support/until.js';

let scratch: ReturnType<typeof scratchDir>;
let log: SealedLog;
const stops: (() => Promise<void>)[] = [];
beforeEach(() => {
  scratch = scratchDir();
  log = sealedLog(scratch.dir);
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  scratch.remove();
});

const request = (id: string, more: Partial<RequestLineFacts> = {}): string => requestLine(requestFacts(id, more));

/** Starts to follow, and gives what was shown. */
async function follow(filter: AuditFilter = {}, count = 2): Promise<{ readonly shown: unknown[]; stop(): Promise<void> }> {
  const shown: unknown[] = [];
  const abort = new AbortController();
  const running = tailAudit(scratch.dir, { filter, count, pollMs: 1 }, ({ line }) => void shown.push(line['decision_id']), abort.signal);
  const stop = async (): Promise<void> => {
    abort.abort();
    await running;
  };
  stops.push(stop);
  await Promise.race([running, sleep(20)]);
  return { shown, stop };
}

it('shows the newest ones, then each new one once, and ends when told', async () => {
  log.write([request('a'), request('b'), request('c')]);
  const { shown, stop } = await follow();
  expect(shown).toEqual(['b', 'c']);
  log.write([request('d')]);
  await until(() => shown.length === 3);
  log.write([request('e'), request('f')]);
  await until(() => shown.length === 5);
  await stop();
  log.write([request('late')]);
  await sleep(20);
  expect(shown).toEqual(['b', 'c', 'd', 'e', 'f']);
});

it('filters, and counts what it shows first by the filter', async () => {
  log.write([request('a', { tool: 'bash' }), request('b'), request('c')]);
  const { shown } = await follow({ tool: 'bash' }, 1);
  log.write([request('d'), intentLine({ ...requestFacts('e', { tool: 'bash' }), atUs: 1 }), eventLine(1, 'reload', {}), request('e', { tool: 'bash' })]);
  await until(() => shown.length === 2);
  expect(shown).toEqual(['a', 'e']);
});

it('waits for the end of a line, however long it is', async () => {
  log.write([request('a')]);
  const { shown } = await follow();
  const findings = Array.from({ length: 100 }, () => ({ rule: 'r'.repeat(250), category: 'c'.repeat(250), action: 'flag', path: 'p'.repeat(250), sample: 's', decoded: 'raw' }));
  const { text } = sealLine(request('big', { findings }), 2, log.hash);
  expect(text.length).toBeGreaterThan(64 * 1024);
  for (const part of [text.slice(0, 70_000), text.slice(70_000), `\n${sealLine(request('half'), 3, '0'.repeat(64)).text.slice(0, 50)}`]) {
    appendFileSync(log.path(), part);
    await sleep(20);
    expect(shown).toHaveLength(part.startsWith('\n') ? 2 : 1);
  }
  expect(shown).toEqual(['a', 'big']);
});

it('goes through the rotations of the real writer without a gap or a line twice', async () => {
  rmSync(scratch.dir, { recursive: true });
  const writer = new FileWriter({ dir: scratch.dir, fileBytesMax: 16_000, nowUs: () => 1_767_225_600_000_000, disk: REAL_DISK });
  try {
    writer.commit([request('0')]);
    const { shown } = await follow();
    const ids = ['0'];
    for (let i = 1; i < 200; i++) {
      ids.push(String(i));
      writer.commit([request(String(i))]);
      if (i % 7 === 0) await sleep(1);
    }
    await until(() => shown.length >= ids.length);
    expect(shown).toEqual(ids);
    expect(readdirSync(scratch.dir).filter((name) => /^audit-\d+\.jsonl$/.test(name)).length).toBeGreaterThan(10);
  } finally {
    writer.close();
  }
});

it('goes on when several rotations happened between two looks, and the file it was in was archived', async () => {
  log.write([request('a')]);
  const { shown } = await follow();
  // All in one turn: the follower sees only the end of it.
  renameSync(log.path(), log.path('audit-1.jsonl'));
  log.write([request('b')], 'audit-2.jsonl');
  log.write([request('c')], 'audit-3.jsonl');
  log.write([request('d')]);
  rmSync(log.path('audit-1.jsonl'));
  await until(() => shown.length === 4);
  expect(shown).toEqual(['a', 'b', 'c', 'd']);
});

it('shows lines behind garbage', async () => {
  log.write([request('a')]);
  const { shown } = await follow();
  appendFileSync(log.path(), 'garbage\n\n[]\n');
  log.write([request('b')]);
  await until(() => shown.length === 2);
  expect(shown).toEqual(['a', 'b']);
});

it('goes on when a failed commit was cut off again', async () => {
  log.write([request('a')]);
  const { size } = statSync(log.path());
  const { shown } = await follow({ decision: 'ALLOW' });
  appendFileSync(log.path(), `${sealLine(request('refused'), 2, log.hash).text}\n`);
  await until(() => shown.length === 2);
  truncateSync(log.path(), size);
  await sleep(20);
  log.write([request('b')]);
  await until(() => shown.length === 3);
  expect(shown).toEqual(['a', 'refused', 'b']);
});

it('waits for a log that was moved aside, and follows the new chain from its first line', async () => {
  log.write([request('a'), request('b')]);
  const { shown } = await follow();
  renameSync(scratch.dir, `${scratch.dir}-old`);
  await sleep(20);
  sealedLog(scratch.dir).write([request('new')]);
  await until(() => shown.length === 3);
  expect(shown).toEqual(['a', 'b', 'new']);
});

it('begins with an empty log, and refuses a missing one', async () => {
  const { shown } = await follow();
  log.write([request('a')]);
  await until(() => shown.length === 1);
  await expect(tailAudit(`${scratch.dir}-none`, { filter: {}, count: 1 }, () => undefined, new AbortController().signal)).rejects.toThrow(AuditLogMissing);
  mkdirSync(`${scratch.dir}-none`);
});
