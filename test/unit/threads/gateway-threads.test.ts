// The control thread's hold on its gateway threads, over real threads: start, two-phase swap, questions, death, drain.
import { MessageChannel } from 'node:worker_threads';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { ThreadRefused } from '../../../src/threads/gateway-thread.js';
import { startGatewayThreads, type GatewayThreads } from '../../../src/threads/gateway-threads.js';
import { createBeats } from '../../../src/threads/stall-watch.js';
import type { SharedMemory } from '../../../src/threads/shared-memory.js';
import type { Question } from '../../../src/threads/messages.js';
import type { SnapshotSources } from '../../../src/jobs/read-sources.js';
import { until } from '../../support/until.js';

const PROGRAM = new URL('./thread-fixture.mjs', import.meta.url);
const version = (number: number): SnapshotSources => ({ version: number }) as SnapshotSources;
const HEARD = 77;
let running: GatewayThreads | undefined;
let begun: GatewayThreads | undefined;
const died: string[] = [];
const replaced: number[] = [];
const stalls: string[] = [];
let nowMs = 0;
/** Waits are cut short. */
let hurries = false;
const asked: Question[] = [];
const released: string[] = [];

async function start(script: object, count = 2): Promise<GatewayThreads> {
  for (const list of [died, asked, released, replaced, stalls]) list.length = 0;
  nowMs = 0;
  hurries = false;
  running = await startGatewayThreads(
    count,
    { root: JSON.stringify(script), sources: version(0), version: '0', secretsKey: new Uint8Array(1), argumentsKey: undefined, traced: false, jwtBundle: undefined, trustBundle: undefined, memory: {} as SharedMemory, beats: createBeats(count), connectProcesses: () => new MessageChannel().port1, connectAudit: () => ({ port: new MessageChannel().port1, lane: new SharedArrayBuffer(0), bell: new SharedArrayBuffer(0) }) },
    {
      answer: (question) => {
        asked.push(question);
        if (question.kind === 'refresh') begun?.broadcast({ kind: 'discard', version: HEARD });
        return question.kind === 'consume' ? Promise.resolve(true as never) : Promise.reject(new Error('down'));
      },
      traced: () => undefined,
      lastStats: () => undefined,
      grantRecorded: (id) => void released.push(`recorded ${id}`), releaseGrant: (id, token) => void released.push(`${id} ${token}`),
      sessionsTold: () => undefined,
      begun: (threads) => { begun = threads; },
      died: (index, owner, _reason, waitMs) => void died.push(`${index} ${owner} ${waitMs}`),
      replaced: (index) => void replaced.push(index), notReplaced: (index, _reason, waitMs) => void died.push(`again ${index} ${waitMs}`),
      stalled: (index) => void stalls.push(`stalled ${index}`), recovered: (index) => void stalls.push(`recovered ${index}`),
    },
    {
      nowMs: () => nowMs, stallMs: 5000,
      after: (ms, run) => {
        const timer = setTimeout(run, hurries ? Math.min(ms, 1) : ms);
        return () => clearTimeout(timer);
      },
    },
    PROGRAM,
  );
  return running;
}
/** What each thread has heard, without the question itself. */
const heard = async (threads: GatewayThreads): Promise<unknown[][]> => (await threads.stats()).map((one) => (one as unknown as unknown[]).filter((word) => word !== 'stats'));

afterEach(async () => {
  await running?.drain(0);
  running = undefined;
});

describe('a swap', () => {
  it('prepares everywhere, then commits everywhere', async () => {
    const threads = await start({});
    expect(await threads.swap(version(7))).toEqual({ policy: 'p7' });
    expect(await heard(threads)).toEqual([[7, 7], [7, 7]]);
  });

  it.each([0, 1])('that thread %d refuses commits nowhere, and says file and line', async (refuseAt) => {
    const threads = await start({ badVersion: 7, refuseAt });
    const refused: unknown = await threads.swap(version(7)).catch((fault: unknown) => fault);
    expect(refused).toBeInstanceOf(ThreadRefused);
    expect((refused as ThreadRefused).fault).toMatchObject({ file: 'a.rego', line: 3, column: 7 });
    // 7 prepared, 7 discarded; the next one is not in the way of it.
    expect(await threads.swap(version(8))).toEqual({ policy: 'p8' });
    expect(await heard(threads)).toEqual([[7, 7, 8, 8], [7, 7, 8, 8]]);
  });

  it('waits for the one before it: two never mix', async () => {
    const threads = await start({ slowVersion: 7 });
    expect(await Promise.all([threads.swap(version(7)), threads.swap(version(8))])).toEqual([{ policy: 'p7' }, { policy: 'p8' }]);
    expect(await heard(threads)).toEqual([[7, 7, 8, 8], [7, 7, 8, 8]]);
  });
});

describe('a swap while no thread runs', () => {
  /** The second time it stays away for a second. */
  const endTwice = async (threads: GatewayThreads): Promise<void> => {
    for (let ends = 1; ends <= 2; ends++) {
      await threads.identity('x');
      await until(() => died.length === ends);
      if (ends === 1) await until(() => replaced.length === 1);
    }
  };

  it('waits for one that takes its place, which prepares and commits it, too', async () => {
    const threads = await start({}, 1);
    await threads.swap(version(7));
    await endTwice(threads);
    expect(await threads.swap(version(8))).toEqual({ policy: 'p8' });
    expect(await heard(threads)).toEqual([['started with 7', 8, 8]]);
  });

  it('because it ended the last one as it prepared changes nothing before another has prepared it', async () => {
    const threads = await start({ fatalVersion: 8 }, 1);
    await threads.swap(version(7));
    expect(await threads.swap(version(8))).toEqual({ policy: 'p8' });
    expect(await heard(threads)).toEqual([['started with 7', 8, 8]]);
  });

  it.each([1, 2])('because it ends each of %d that prepares it is given up, and the next is taken', async (count) => {
    const threads = await start({ deadlyVersion: 8 }, count);
    hurries = true;
    await expect(threads.swap(version(8))).rejects.toThrow('each gateway thread that prepares it ends');
    expect(died.length).toBeLessThanOrEqual(2 * count);
    expect(await threads.swap(version(9))).toEqual({ policy: 'p9' });
    await until(() => replaced.length === died.length);
  });

  it('because the last one ended as it committed is in force with the next', async () => {
    const threads = await start({ lastVersion: 8 }, 1);
    expect(await threads.swap(version(8))).toEqual({ policy: 'p8' });
    await until(() => replaced.length === 1);
    expect(await heard(threads)).toEqual([['started with 8']]);
  });

  it('ends with the gateway', async () => {
    const threads = await start({}, 1);
    await endTwice(threads);
    const swapped = threads.swap(version(8)).catch((fault: unknown) => fault);
    await threads.drain(0);
    expect(await swapped).toMatchObject({ message: 'the gateway is stopping' });
  });
});

describe('the threads', () => {
  it('name each listener once', async () => {
    expect((await start({ ports: true })).listeners.map(({ address }) => address)).toEqual(['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3']);
  });

  it('start together, once the first has the ports', async () => {
    expect((await start({ meeting: 3 }, 4)).health()).toMatchObject({ count: 4, running: 4 });
  });

  it('hear what is said to all while others still start', async () => {
    expect(await heard(await start({ asks: true }, 2))).toEqual([expect.arrayContaining([HEARD]), expect.any(Array)]);
  });

  it('are all ended when one can not start', async () => {
    await expect(start({ failAt: 1 })).rejects.toMatchObject({ fault: { message: 'port taken', remedy: 'free it' } });
    expect(died).toEqual([]);
    await expect(start({ dieAt: 0 }, 1)).rejects.toBeInstanceOf(ThreadRefused);
  });

  it('get answers to what they ask, and faults as faults', async () => {
    const threads = await start({ asks: true }, 1);
    for (let i = 0; i < 100 && (await heard(threads))[0]?.length !== 4; i++) await sleep(2);
    expect(asked).toEqual([{ kind: 'consume', requestId: 'a', token: 't' }, { kind: 'refresh', upstream: 'u' }]);
    expect((await heard(threads))[0]).toEqual(expect.arrayContaining(['answer', true, 'down']));
    expect(released).toEqual(['a t', 'recorded b']);
  });

  it('that die are told and replaced, and nobody waits for their answer', async () => {
    const threads = await start({}, 1);
    expect(await threads.identity('x')).toEqual([]);
    await until(() => replaced.length === 1);
    expect([died, replaced, threads.health()]).toEqual([['0 2 0'], [0], { count: 1, running: 1, stalled: [], restarts: 1, lastEnd: { thread: 0, reason: 'it ended', atMs: 0 } }]);
    expect(await heard(threads)).toEqual([[]]);
  });

  it('that keep dying stay away ever longer, until one has run for a minute', async () => {
    const threads = await start({}, 1);
    hurries = true;
    for (let i = 1; i <= 4; i++) {
      await threads.identity('x');
      await until(() => replaced.length === i);
    }
    nowMs = 60_001;
    await threads.identity('x');
    await until(() => replaced.length === 5);
    expect(died.map((end) => end.split(' ').at(-1))).toEqual(['0', '1000', '2000', '4000', '0']);
  });

  it('take the place of one that ended with what is in force by then', async () => {
    const threads = await start({}, 2);
    await threads.swap(version(7));
    await threads.identity('x');
    await until(() => replaced.length === 2);
    expect(await threads.swap(version(8))).toEqual({ policy: 'p8' });
    expect(await heard(threads)).toEqual([['started with 7', 8, 8], ['started with 7', 8, 8]]);
  });

  it('end without the one that stands still', async () => {
    const threads = await start({ deafAt: 1 });
    await threads.drain(0);
    expect(threads.health().running).toBe(1);
  }, 20_000);

  it('end without being missed when they are drained', async () => {
    const threads = await start({});
    await threads.drain(10);
    running = undefined;
    expect(died).toEqual([]);
  });
});
