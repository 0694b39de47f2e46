// When the writer commits, on a clock that only the test moves.
import { MessageChannel } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { REAL_DISK } from '../../../src/audit/file-writer.js';
import { createLane, LaneSender } from '../../../src/audit/lane.js';
import { requestLine } from '../../../src/audit/record.js';
import { realSurroundings } from '../../../src/audit/spawn-writer.js';
import { AuditWriter } from '../../../src/audit/writer.js';
import { requestFacts, scratchDir } from './line-fixture.js';

let scratch: ReturnType<typeof scratchDir>;
let dir = '';
const running: AuditWriter[] = [];
beforeEach(() => {
  scratch = scratchDir();
  dir = scratch.dir;
});
afterEach(() => {
  for (const writer of running.splice(0)) writer.close();
  scratch.remove();
});

const line = (id: string): string => requestLine(requestFacts(id));

/** A writer on a clock that stands still until the test moves it; `during` happens while the disk works. */
function clocked(durability?: 'async'): { readonly writer: AuditWriter; readonly clock: { ms: number }; sender(): LaneSender; during: () => void } {
  const clock = { ms: 1000 };
  const made = { during: (): void => undefined };
  const disk = { ...REAL_DISK, datasync: () => made.during() };
  const writer = new AuditWriter({ dir, fileBytesMax: 1 << 28, start: {}, ...(durability === undefined ? {} : { durability }) }, { ...realSurroundings(), disk, steadyMs: () => clock.ms });
  writer.open();
  running.push(writer);
  return Object.assign(made, {
    writer, clock,
    sender() {
      const lane = createLane();
      writer.connect(new MessageChannel().port2, lane);
      return new LaneSender(lane);
    },
  });
}

function send(count: number, ...senders: LaneSender[]): void {
  for (const one of senders) for (let i = 0; i < count; i++) one.send(line(`${i}`), false);
}

/** How long the writer waits until all is committed. */
function waits(writer: AuditWriter, clock: { ms: number }): number[] {
  const waited: number[] = [];
  for (let dueMs = writer.turn(); dueMs !== Infinity; dueMs = writer.turn()) {
    waited.push(dueMs);
    clock.ms += dueMs;
  }
  return waited;
}

describe('the clock of commits', () => {
  it('commits a lone line at once, and the next one half a millisecond after it', () => {
    const { writer, clock, sender } = clocked();
    const only = sender();
    expect(writer.turn()).toBe(Infinity);
    send(1, only);
    expect(waits(writer, clock)).toEqual([]);
    expect(writer.status().seq).toBe(2);
    send(1, only);
    expect(waits(writer, clock)).toEqual([0.5]);
    expect(writer.status().seq).toBe(3);
  });

  it('gathers longer while lines keep coming, never longer than 1.5 ms, and no longer than at first when they stop', () => {
    const made = clocked();
    const { writer, clock } = made;
    const only = made.sender();
    made.during = () => send(4, only);
    send(4, only);
    writer.turn();
    const waited: number[][] = [];
    for (let i = 0; i < 5; i++) {
      const { seq } = writer.status();
      const round: number[] = [];
      for (let turn = 0; turn < 10 && writer.status().seq === seq; turn++) {
        if (i === 4) made.during = () => undefined;
        const dueMs = writer.turn();
        if (writer.status().seq !== seq) break;
        round.push(dueMs);
        clock.ms += dueMs;
      }
      waited.push(round);
    }
    expect(waited).toEqual([[0.75], [1.125], [1.5], [1.5], [1.5]]);
    send(1, only);
    expect(waits(writer, clock)).toEqual([0.5]);
  });

  it('does not gather longer for a few', () => {
    const made = clocked();
    const only = made.sender();
    made.during = () => send(3, only);
    send(3, only);
    made.writer.turn();
    expect(made.writer.turn()).toBe(0.5);
    made.during = () => undefined;
  });

  it('gathers many lines for 4 ms, or until a sender asks for the commit', () => {
    const { writer, clock, sender } = clocked();
    const both = [sender(), sender()];
    send(6, ...both);
    expect(waits(writer, clock)).toEqual([]);
    send(6, ...both);
    expect(writer.turn(true)).toBe(0.1); // not even then
    clock.ms += 0.125;
    expect(writer.turn()).toBe(3.875);
    expect(writer.status().seq).toBe(13);
    expect(writer.turn(true)).toBe(Infinity);
    expect(writer.status().seq).toBe(25);
    send(6, ...both);
    expect(waits(writer, clock)).toEqual([4]);
  });

  it('commits every 10 ms where nobody waits, few lines or many, or when somebody does', () => {
    const { writer, clock, sender } = clocked('async');
    const only = sender();
    send(1, only);
    expect(waits(writer, clock)).toEqual([]);
    for (const count of [1, 20, 1]) {
      send(count, only);
      expect(waits(writer, clock)).toEqual([10]);
    }
    send(1, only);
    clock.ms += 0.125;
    expect(writer.turn(true)).toBe(Infinity);
  });
});
