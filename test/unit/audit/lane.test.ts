// The ring between two threads: what is read is what was sent, at every alignment, through every fullness, whatever the text; and answers find their lines.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLane, LaneSender, type LaneAnswer } from '../../../src/audit/lane.js';
import { LaneReader } from './lane-reader.js';

const RING_BYTES = 1024;
const hashOf = (seq: number): string => String(seq).padStart(64, '0');

interface Pair {
  readonly sender: LaneSender;
  readonly receiver: LaneReader;
  /** Reads all, as text. */
  read(): string[];
  /** Answers so many lines as durable, and takes what the sender then sees. */
  answer(count: number, firstSeq?: number): LaneAnswer[];
}

function pair(bytes = RING_BYTES, position = 0): Pair {
  const lane = createLane(bytes);
  new Int32Array(lane)[0] = position; // published
  new Int32Array(lane)[16] = position; // answered
  const [sender, receiver] = [new LaneSender(lane), new LaneReader(lane)];
  return {
    sender, receiver,
    read() {
      const lines: string[] = [];
      for (let line = receiver.read(); line !== undefined; line = receiver.read()) lines.push(line);
      return lines;
    },
    answer(count, firstSeq = 1) {
      for (let i = 0; i < count; i++) receiver.answer({ seq: firstSeq + i, hash: hashOf(firstSeq + i) });
      receiver.publish();
      return takeAll(sender);
    },
  };
}

function takeAll(sender: LaneSender): LaneAnswer[] {
  const answers: LaneAnswer[] = [];
  for (let taken = sender.take(); taken !== undefined; taken = sender.take()) answers.push(taken);
  return answers;
}

/** As UTF-8 has it: a lone surrogate becomes U+FFFD. */
const asUtf8 = (text: string): string => Buffer.from(text, 'utf8').toString('utf8');

describe('a lane', () => {
  it('carries lines of every length from every place in the ring', () => {
    for (let length = 0; length <= RING_BYTES - 128; length++) {
      const { sender, read, answer } = pair();
      for (let at = 0; at < RING_BYTES / 128; at++) {
        const line = String.fromCharCode(97 + at).repeat(length);
        expect(sender.send(line, false)).toBe(true);
        expect(read()).toEqual([line]);
        expect(answer(1)).toEqual([{ durable: true, sealed: undefined }]);
        // One record of the smallest size moves the next line on by one place.
        sender.send('', false);
        read();
        answer(1);
      }
    }
  });

  it('loses, reorders and changes nothing, however sender and receiver take turns', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('send' as const), text: fc.string({ unit: 'binary', maxLength: 300 }) }),
      fc.record({ kind: fc.constant('send' as const), text: fc.string({ unit: fc.constantFrom('a', 'é', '…', '😀', '\ud800', '\udc00', '"', '\\'), maxLength: 300 }) }),
      fc.record({ kind: fc.constant('read' as const), count: fc.nat(5) }),
      fc.record({ kind: fc.constant('answer' as const), count: fc.nat(5), failed: fc.boolean() }),
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 200 }), fc.boolean(), (steps, wantsSeal) => {
      const { sender, receiver } = pair();
      const sent: string[] = [];
      let [read, answered] = [0, 0];
      const expected: LaneAnswer[] = [];
      for (const one of steps) {
        if (one.kind === 'send') {
          if (sender.send(one.text, wantsSeal)) sent.push(asUtf8(one.text));
        } else if (one.kind === 'read') {
          for (let i = 0; i < one.count && read < sent.length; i++) expect(receiver.read()).toBe(sent[read++]);
          if (read === sent.length) expect(receiver.read()).toBeUndefined();
        } else {
          for (let i = 0; i < one.count && answered < read; i++) {
            const seq = ++answered * 0x1000_0001; // beyond 32 bits after some lines
            receiver.answer(one.failed ? undefined : { seq, hash: hashOf(seq) });
            expected.push({ durable: !one.failed, sealed: one.failed || !wantsSeal ? undefined : { seq, hash: hashOf(seq) } });
          }
          receiver.publish();
          expect(takeAll(sender)).toEqual(expected.splice(0));
        }
      }
    }), { numRuns: 500 });
  });

  it.each([2 ** 31, 2 ** 32])('goes on when its positions pass %d', (limit) => {
    const { sender, read, answer } = pair(RING_BYTES, (limit - 3 * RING_BYTES) | 0);
    for (let i = 0; i < 100; i++) {
      const line = `${i}${'x'.repeat((i * 37) % 800)}`;
      expect(sender.send(line, false)).toBe(true);
      expect(sender.send('y'.repeat(RING_BYTES), false)).toBe(false);
      expect(read()).toEqual([line]);
      expect(answer(1)).toHaveLength(1);
    }
  });

  it('refuses what has no room, and takes it once older lines are answered', () => {
    const { sender, receiver, read, answer } = pair();
    for (let i = 0; i < 4; i++) expect(sender.send('x'.repeat(100), false)).toBe(true);
    expect(sender.send('', false)).toBe(false);
    expect(read()).toHaveLength(4);
    expect(sender.send('', false)).toBe(false); // read is not answered
    receiver.answer(undefined);
    expect(sender.send('', false)).toBe(false); // answered is not shown
    expect(answer(0)).toEqual([{ durable: false, sealed: undefined }]);
    expect(sender.send('é'.repeat(64), false)).toBe(true); // as long as its room exactly, in bytes
    expect(sender.send('', false)).toBe(false);
    expect(read()).toEqual(['é'.repeat(64)]);
  });

  it('never takes a line that is longer than its ring, and says how long one may be', () => {
    const { sender, read } = pair();
    expect(sender.send('x'.repeat(sender.lineBytesMax + 1), false)).toBe(false);
    expect(sender.send('é'.repeat(sender.lineBytesMax / 2 + 1), false)).toBe(false);
    expect(sender.send('é'.repeat(sender.lineBytesMax / 2), false)).toBe(true);
    expect(read()).toEqual(['é'.repeat(sender.lineBytesMax / 2)]);
  });

  it('asks for a message once for all answers until it listens again', () => {
    const { sender, receiver, read } = pair();
    for (const line of ['a', 'b', 'c']) sender.send(line, false);
    read();
    const show = (): boolean => {
      receiver.answer(undefined);
      return receiver.publish();
    };
    expect([show(), show()]).toEqual([true, false]);
    sender.listen();
    expect(show()).toBe(true);
  });

  it('has a size that its positions can wrap at', () => {
    for (const bytes of [0, 128, 1000, 3 * 1024]) expect(() => createLane(bytes)).toThrow();
  });
});
