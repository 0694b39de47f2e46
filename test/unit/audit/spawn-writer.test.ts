// The writer in a thread of its own: several threads that append make one chain, and whoever waits for a writer that dies is told so.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAppender } from '../../../src/audit/appender.js';
import { spawnAuditWriter } from '../../../src/audit/spawn-writer.js';
import type { AuditAppender, SealedLine } from '../../../src/audit/types.js';
import { readChain, scratchDir } from './line-fixture.js';

const DIST = new URL('../../../dist/', import.meta.url);
const PROGRAM = new URL('threads/audit-writer.js', DIST);
const built = existsSync(fileURLToPath(PROGRAM));

let scratch: ReturnType<typeof scratchDir>;
beforeEach(() => {
  scratch = scratchDir();
});
afterEach(() => scratch.remove());

function append(appender: AuditAppender, text: string): Promise<SealedLine | undefined> {
  return new Promise((resolve, reject) => appender.append(text, (error, sealed) => (error === undefined ? resolve(sealed) : reject(error))));
}

// Keeps some lines in flight, with pauses long enough for the writer to doze and to rest; answers with each line's seq, in order of the lines.
const PRODUCER = `
const { workerData, parentPort } = require('node:worker_threads');
(async () => {
  const { openAppender } = await import(workerData.dist + 'audit/appender.js');
  const appender = openAppender(workerData.connection, { queueLinesMax: 1000, durability: 'group' });
  const { name, lines, inFlight } = workerData;
  const seqs = [];
  let begun = 0;
  const more = () => {
    const n = begun++;
    if (n >= lines) return;
    appender.append('{"type":"request","decision_id":"' + name + '.' + n + '","text":"' + 'é'.repeat(n % 3000) + '"', (error, sealed) => {
      if (error) throw error;
      seqs[n] = sealed.seq;
      if (seqs.length === lines && !seqs.includes(undefined)) appender.close().then(() => parentPort.postMessage(seqs));
      else if (n % 500 === 0) setTimeout(more, n % 1000 === 0 ? 150 : 5);
      else more();
    });
  };
  for (let i = 0; i < inFlight; i++) more();
})();
`;

describe.skipIf(!built)('lines of several threads (needs npm run build)', () => {
  it('make one chain, each thread\'s in its own order, none lost', { timeout: 60_000 }, async () => {
    const writer = spawnAuditWriter({ dir: scratch.dir, fileBytesMax: 4 << 20, start: {} }, PROGRAM);
    const lines = 1200;
    const answers = await Promise.all([1, 7, 40].map((inFlight, i) => {
      const connection = writer.connect();
      const thread = new Worker(PRODUCER, { eval: true, workerData: { dist: DIST.href, connection, name: `t${i}`, lines, inFlight }, transferList: [connection.port] });
      return new Promise<number[]>((resolve, reject) => thread.once('message', resolve).once('error', reject));
    }));
    await writer.close();
    const chain = readChain(scratch.dir);
    expect(chain.filter((line) => line['type'] === 'request')).toHaveLength(3 * lines);
    for (const [i, seqs] of answers.entries()) {
      expect(seqs).toHaveLength(lines);
      const own = chain.filter((line) => String(line['decision_id']).startsWith(`t${i}.`));
      expect(own.map((line) => line['seq'])).toEqual(seqs);
      expect(own.map((line) => line['decision_id'])).toEqual(seqs.map((_, n) => `t${i}.${n}`));
    }
  });

  it('are written although the thread that appended them has ended', async () => {
    const writer = spawnAuditWriter({ dir: scratch.dir, fileBytesMax: 1 << 28, start: {} }, PROGRAM);
    const appender = openAppender(writer.connect(), { queueLinesMax: 100, durability: 'group' });
    await append(appender, '{"type":"request","decision_id":"a"');
    const connection = writer.connect();
    const dying = new Worker(`
      const { workerData } = require('node:worker_threads');
      import(workerData.dist + 'audit/appender.js').then(({ openAppender }) => {
        openAppender(workerData.connection, { queueLinesMax: 100, durability: 'group' }).append('{"type":"request","decision_id":"last words"', () => undefined);
        process.exit(0);
      });`, { eval: true, workerData: { dist: DIST.href, connection }, transferList: [connection.port] });
    await new Promise((resolve) => dying.once('exit', resolve));
    await append(appender, '{"type":"request","decision_id":"b"');
    await writer.close();
    expect(readChain(scratch.dir).map((line) => line['decision_id']).filter((id) => id !== undefined).toSorted()).toEqual(['a', 'b', 'last words']);
  });
});

describe('a writer thread that dies', () => {
  it.each(['process.exit(0)', 'throw new Error("of the writer")'])('(%s) fails every line that waits, and every later one', async (end) => {
    mkdirSync(scratch.dir, { recursive: true });
    const program = join(scratch.dir, 'dying.mjs');
    writeFileSync(program, `import { parentPort } from 'node:worker_threads';
      parentPort.on('message', (message) => {
        if (message.kind === 'close') process.exit(0);
        setTimeout(() => { ${end}; }, 20);
      });`);
    const writer = spawnAuditWriter({ dir: scratch.dir, fileBytesMax: 1 << 28, start: {} }, pathToFileURL(program));
    const reasons: string[] = [];
    writer.onHealth((health) => reasons.push(health.because));
    const appender = openAppender(writer.connect(), { queueLinesMax: 10_000, durability: 'group' });
    const waiting = await Promise.allSettled(Array.from({ length: 3000 }, (_, i) => append(appender, `{"type":"request","decision_id":"${i}","text":"${'x'.repeat(2000)}"`)));
    expect(waiting.filter(({ status }) => status === 'rejected')).toHaveLength(3000);
    expect(appender.healthy).toBe(false);
    await expect(append(appender, '{"type":"request"')).rejects.toThrow();
    for (let i = 0; i < 500 && reasons.length === 0; i++) await sleep(5);
    expect(reasons[0]).toContain('ended');
    await writer.close();
  });
});

describe('a writer thread that stands still', () => {
  it('is said to, with what it said last', async () => {
    mkdirSync(scratch.dir, { recursive: true });
    const program = join(scratch.dir, 'still.mjs');
    writeFileSync(program, `import { parentPort } from 'node:worker_threads';
      let asked = 0;
      parentPort.on('message', (message) => {
        if (message.kind === 'close') process.exit(0);
        if (message.kind === 'status' && asked++ === 0) setTimeout(() => parentPort.postMessage({ kind: 'status', id: message.id, status: { healthy: true, because: '', seq: 7, lastHash: 'h', file: 'f', unresolved: 2 } }), 50);
      });`);
    const writer = spawnAuditWriter({ dir: scratch.dir, fileBytesMax: 1 << 28, start: {} }, pathToFileURL(program), 1);
    expect(await writer.status()).toMatchObject({ healthy: true, seq: 7 }); // the first, whenever it comes
    expect(await writer.status()).toEqual({ healthy: false, because: 'the audit writer does not answer: its disk may stand still', seq: 7, lastHash: 'h', file: 'f', unresolved: 2 });
    await writer.close();
  });
});
