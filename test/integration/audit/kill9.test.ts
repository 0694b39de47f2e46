// The built writer thread, killed at random moments: every line it acknowledged is there, the chain verifies, a torn tail was repaired.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { openAppender } from '../../../src/audit/appender.js';
import { verifyAudit } from '../../../src/audit/reader/verify.js';
import { requestLine } from '../../../src/audit/record.js';
import { spawnAuditWriter } from '../../../src/audit/spawn-writer.js';
import { readChain, requestFacts, scratchDir } from '../../unit/audit/line-fixture.js';

const DIST = new URL('../../../dist/', import.meta.url);
const PROGRAM = new URL('threads/audit-writer.js', DIST);
const built = existsSync(fileURLToPath(PROGRAM));
const ROUNDS = 20;
const FILE_BYTES_MAX = 64 * 1024;

// Appends without end and prints each acknowledged line's decision id and hash; intents stay open on purpose.
const CHILD = `
const [dist, dir, round] = process.argv.slice(2);
const { spawnAuditWriter } = await import(dist + 'audit/spawn-writer.js');
const { openAppender } = await import(dist + 'audit/appender.js');
const { requestLine, intentLine } = await import(dist + 'audit/record.js');
const facts = ${JSON.stringify(requestFacts(''))};
const writer = spawnAuditWriter({ dir, fileBytesMax: ${FILE_BYTES_MAX}, start: { round } });
const status = await writer.status();
if (!status.healthy) throw new Error(status.because);
const { writeSync } = await import('node:fs');
// A pipe whose reader is busy takes nothing for a moment; what is said must be said whole.
const say = (text) => {
  for (let at = 0; at < text.length;) {
    try {
      at += writeSync(1, text.slice(at));
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
};
for (const port of [0, 1]) {
  const appender = openAppender(writer.connect(), { queueLinesMax: 1000, durability: 'group' });
  let n = 0;
  const more = () => {
    const id = round + '.' + port + '.' + n++;
    if (n % 10 === 0) appender.append(intentLine({ ...facts, decisionId: id + '.intent', atUs: 1 }), () => undefined);
    appender.append(requestLine({ ...facts, decisionId: id }), (error, sealed) => {
      if (error) throw error;
      say(id + ' ' + sealed.seq + ' ' + sealed.hash + '\\n');
      more();
    });
  };
  for (let i = 0; i < 20; i++) more();
}
`;

async function killOnce(program: string, dir: string, round: number, acknowledged: Map<number, readonly [string, string]>): Promise<void> {
  const child = spawn(process.execPath, [program, DIST.href, dir, String(round)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    const [id, seq, hash] = line.split(' ');
    if (id !== undefined && seq !== undefined && hash?.length === 64) acknowledged.set(Number(seq), [id, hash]);
  });
  await Promise.race([once(lines, 'line'), closed.then(() => Promise.reject(new Error('the child ended by itself')))]);
  if (round % 4 === 1) expect(await verifyAudit(dir)).toMatchObject({ kind: 'intact' }); // while it writes
  await sleep(Math.random() * 80);
  child.kill('SIGKILL');
  await closed;
}

describe.skipIf(!built)('the audit writer thread (needs npm run build)', () => {
  it(`loses nothing it acknowledged in ${ROUNDS} kills`, { timeout: 120_000 }, async () => {
    const scratch = scratchDir();
    try {
      const acknowledged = new Map<number, readonly [string, string]>();
      let torn = 0;
      const program = join(dirname(scratch.dir), 'child.mjs');
      writeFileSync(program, CHILD);
      for (let round = 0; round < ROUNDS; round++) {
        await killOnce(program, scratch.dir, round, acknowledged);
        // A write is rarely caught half done: every third round leaves what such a kill would.
        if (round % 3 === 0) {
          appendFileSync(join(scratch.dir, 'audit.jsonl'), '{"type":"request","timestamp":"2026-');
          torn += 1;
        }
      }
      const last = spawnAuditWriter({ dir: scratch.dir, fileBytesMax: FILE_BYTES_MAX, start: {} }, PROGRAM);
      expect((await last.status()).healthy).toBe(true);
      await last.close();
      const chain = readChain(scratch.dir);
      expect(await verifyAudit(scratch.dir)).toEqual({ kind: 'intact', lines: chain.length, files: readdirSync(scratch.dir).filter((name) => name.endsWith('.jsonl')).length, lastHash: chain.at(-1)?.['hash'] });
      expect(acknowledged.size).toBeGreaterThan(ROUNDS * 10);
      const lost = [...acknowledged].filter(([seq, [id, hash]]) => chain[seq - 1]?.['decision_id'] !== id || chain[seq - 1]?.['hash'] !== hash);
      expect(lost).toEqual([]);
      expect(chain.filter((line) => line['event'] === 'torn_tail_repaired').length).toBeGreaterThanOrEqual(torn);
      // Each intent without a request line was named once.
      const intents = chain.filter((line) => line['type'] === 'intent').map((line) => line['decision_id']);
      expect(chain.filter((line) => line['type'] === 'unresolved').map((line) => line['decision_id']).sort()).toEqual(intents.sort());
      expect(intents.length).toBeGreaterThan(0);
    } finally {
      scratch.remove();
    }
  });

  it('writes, answers and stops as a thread of its own; when it dies, appenders refuse', async () => {
    const scratch = scratchDir();
    const writer = spawnAuditWriter({ dir: scratch.dir, fileBytesMax: FILE_BYTES_MAX, start: { version: 'test' } }, PROGRAM);
    try {
      const appender = openAppender(writer.connect(), { queueLinesMax: 100, durability: 'group' });
      const sealed = await new Promise((resolve, reject) => appender.append(requestLine(requestFacts('a')), (error, line) => (error === undefined ? resolve(line) : reject(error))));
      expect(await writer.status()).toMatchObject({ healthy: true, seq: 2, lastHash: (sealed as { hash: string }).hash });
      await writer.close();
      for (let i = 0; i < 500 && appender.healthy; i++) await sleep(5);
      expect(appender.healthy).toBe(false);
      expect(await writer.status()).toMatchObject({ healthy: false });
      expect(readChain(scratch.dir).map((line) => line['event'] ?? line['decision_id'])).toEqual(['start', 'a', 'stop']);
    } finally {
      await writer.close();
      scratch.remove();
    }
  });

  it('that can\'t be started is unhealthy, and so is every appender of it', async () => {
    const scratch = scratchDir();
    mkdirSync(scratch.dir);
    const writer = spawnAuditWriter({ dir: scratch.dir, fileBytesMax: FILE_BYTES_MAX, start: {} }, pathToFileURL(join(scratch.dir, 'nothing-here.mjs')));
    try {
      expect((await writer.status()).healthy).toBe(false);
      const appender = openAppender(writer.connect(), { queueLinesMax: 100, durability: 'group' });
      for (let i = 0; i < 500 && appender.healthy; i++) await sleep(5);
      expect(appender.healthy).toBe(false);
    } finally {
      await writer.close();
      scratch.remove();
    }
  });
});
