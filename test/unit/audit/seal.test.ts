// Lines from a lane into a commit: natively and by the twin the same bytes, and those of sealLine; what is rewound or refused counts again or never.
import { existsSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CommitBuffer } from '../../../src/audit/commit-buffer.js';
import { GENESIS_HASH, sealLine } from '../../../src/audit/hash-chain.js';
import { createLane, LaneReceiver, LaneSender, type LaneAnswer } from '../../../src/audit/lane.js';
import { loadNativeLines } from '../../../src/audit/native-lines.js';
import { createSeal, STATE_WORDS, type Seal } from '../../../src/audit/seal.js';

const ADDON = new URL('../../../native/build/audit_lines.node', import.meta.url);
const native = existsSync(ADDON);
const seals: [string, Seal][] = [['the twin', createSeal('/nonexistent/audit_lines.node')], ...(native ? [['the addon', createSeal()] as [string, Seal]] : [])];
const START = { seq: 0, hash: GENESIS_HASH };
const line = (text: string): string => `{"type":"request","text":"${text}"`;

/** What the file must get, and the seals that the lines must get. */
function expected(lines: readonly string[], start = START): { text: string; sealed: { seq: number; hash: string }[] } {
  let { seq, hash } = start;
  let text = '';
  const sealed = lines.map((open) => {
    const one = sealLine(open, ++seq, hash);
    ({ hash } = one);
    text += `${one.text}\n`;
    return { seq, hash };
  });
  return { text, sealed };
}

function pair(bytes: number, seal: Seal): readonly [LaneSender, LaneReceiver, CommitBuffer] {
  const lane = createLane(bytes);
  return [new LaneSender(lane), new LaneReceiver(lane), new CommitBuffer(seal)];
}

function takeAll(sender: LaneSender): LaneAnswer[] {
  const answers: LaneAnswer[] = [];
  for (let taken = sender.take(); taken !== undefined; taken = sender.take()) answers.push(taken);
  return answers;
}

describe.each(seals)('%s', (_, seal) => {
  it('seals what sealLine seals, from every place in the ring, and tells each sender that asked', () => {
    const texts = fc.array(fc.record({ text: fc.string({ unit: fc.constantFrom('a', 'é', '😀', ' '), maxLength: 250 }), wants: fc.boolean() }), { maxLength: 12 });
    fc.assert(fc.property(fc.array(texts, { maxLength: 12 }), fc.integer({ min: 0, max: 2 ** 52 }), (rounds, firstSeq) => {
      const [sender, receiver, commit] = pair(1024, seal);
      let end = { seq: firstSeq, hash: GENESIS_HASH };
      for (const round of rounds) {
        const sent = round.filter(({ text, wants }) => sender.send(line(text), wants));
        const { text, sealed } = expected(sent.map((one) => line(one.text)), end);
        commit.begin(end);
        receiver.sealInto(commit, 1 << 20);
        expect(commit.text.toString('utf8')).toBe(text);
        expect([commit.lines, receiver.waiting, commit.hasIntents]).toEqual([sent.length, false, false]);
        expect([...commit.sealed()].map(([bytes, seq]) => `${seq} ${bytes.toString('utf8')}`)).toEqual(text.split('\n').slice(0, -1).map((one, i) => `${end.seq + 1 + i} ${one}`));
        end = commit.end;
        expect(end).toEqual(sealed.at(-1) ?? end);
        expect(takeAll(sender)).toEqual([]);
        receiver.publish();
        expect(takeAll(sender)).toEqual(sent.map(({ wants }, i) => ({ durable: true, sealed: wants ? sealed[i] : undefined })));
      }
    }), { numRuns: 300 });
  });

  it('goes on behind lines of the writer\'s own, and grows for more than it has room for', () => {
    const [sender, receiver, commit] = pair(1 << 20, seal);
    const lines = Array.from({ length: 300 }, (__, i) => line(String(i).repeat(300)));
    for (const one of lines) expect(sender.send(one, false)).toBe(true);
    commit.begin(START);
    commit.add(line('own'));
    receiver.sealInto(commit, 1 << 20);
    expect(commit.text.toString('utf8')).toBe(expected([line('own'), ...lines]).text);
    expect(commit.bytes).toBeGreaterThan(256 * 1024);
  });

  it('ends with the line that fills the bound, and takes the rest later', () => {
    const [sender, receiver, commit] = pair(1 << 16, seal);
    for (const text of ['a', 'b', 'c']) sender.send(line(text), false);
    const one = expected([line('a')]).text.length;
    commit.begin(START);
    receiver.sealInto(commit, one + 1);
    expect([commit.lines, receiver.waiting]).toEqual([2, true]);
    commit.begin(commit.end);
    receiver.sealInto(commit, one);
    expect([commit.lines, receiver.waiting]).toEqual([1, false]);
    receiver.publish();
    expect(takeAll(sender)).toHaveLength(3);
  });

  it('takes again what was rewound, and shows nothing of it before', () => {
    const [sender, receiver, commit] = pair(1024, seal);
    sender.send(line('a'), true);
    commit.begin(START);
    receiver.sealInto(commit, 1 << 20);
    receiver.rewind();
    expect([receiver.waiting, receiver.publish(), takeAll(sender)]).toEqual([true, false, []]);
    commit.begin(START);
    commit.add(line('rotated'));
    receiver.sealInto(commit, 1 << 20);
    receiver.publish();
    expect(takeAll(sender)).toEqual([{ durable: true, sealed: expected([line('rotated'), line('a')]).sealed[1] }]);
  });

  it('makes lines that were sealed and are refused failed ones, with those that wait', () => {
    const [sender, receiver, commit] = pair(2048, seal);
    sender.send(line('a'), true);
    commit.begin(START);
    receiver.sealInto(commit, 1 << 20);
    sender.send(line('b'), false);
    expect([receiver.refuse(), receiver.waiting, receiver.publish()]).toEqual([2, false, true]);
    expect(takeAll(sender)).toEqual([{ durable: false, sealed: undefined }, { durable: false, sealed: undefined }]);
    expect([receiver.refuse(), receiver.publish()]).toEqual([0, false]);
  });

  it('says when an intent may be among the lines', () => {
    const [sender, receiver, commit] = pair(2048, seal);
    for (const [open, has] of [['{"type":"', false], ['{"type":"request"', false], ['{"type":"intent"', true]] as const) {
      sender.send(open, false);
      commit.begin(START);
      receiver.sealInto(commit, 1 << 20);
      expect(commit.hasIntents).toBe(has);
    }
    commit.begin(START);
    expect(commit.hasIntents).toBe(false);
    commit.add('{"type":"intent"');
    expect(commit.hasIntents).toBe(true);
  });

  it('refuses a record that is longer than its ring', () => {
    const lane = createLane(1024);
    const [sender, receiver, commit] = [new LaneSender(lane), new LaneReceiver(lane), new CommitBuffer(seal)];
    sender.send(line('a'), false);
    new Int32Array(lane)[64] = 1025 - 128;
    commit.begin(START);
    expect(() => { receiver.sealInto(commit, 1 << 20); }).toThrow(RangeError);
  });
});

describe.runIf(native)('the addon\'s arguments', () => {
  const addon = loadNativeLines() as { seal(...args: unknown[]): void } | undefined;
  const state = (...words: number[]): Float64Array => Float64Array.from({ length: STATE_WORDS }, (__, i) => words[i] ?? 0);
  const [lane, commit] = [Buffer.alloc(1024), Buffer.alloc(1024)];

  it.each<[string, unknown[]]>([
    ['none', []],
    ['no lane', [undefined, commit, state(0, 0, 64)]],
    ['no commit', [lane, undefined, state(0, 0, 64)]],
    ['no state', [lane, commit, undefined]],
    ['a state of other numbers', [lane, commit, new Float32Array(STATE_WORDS)]],
    ['a state too short', [lane, commit, new Float64Array(STATE_WORDS - 1)]],
    ['a lane whose size is no power of two', [lane.subarray(1), commit, state(0, 0, 64)]],
    ['a lane of one record', [lane.subarray(0, 128), commit, state(0, 0, 64)]],
    ['no lane bytes', [Buffer.alloc(0), commit, state(0, 0, 64)]],
    ['a position between records', [lane, commit, state(1, 128, 64, 0, 1e6)]],
    ['positions further apart than the ring', [lane, commit, state(0, 2048, 64, 0, 1e6)]],
    ['a position that is no number', [lane, commit, state(NaN, 0, 64)]],
    ['a negative position', [lane, commit, state(-128, 0, 64)]],
    ['an end before the hash', [lane, commit, state(0, 0, 63)]],
    ['an end behind the commit', [lane, commit, state(0, 0, 1025)]],
    ['a seq beyond 2^53', [lane, commit, state(0, 0, 64, 2 ** 53)]],
  ])('are refused: %s', (__, args) => {
    expect(() => { addon?.seal(...args); }).toThrow();
  });

  it('take nothing where the next line has no room', () => {
    const ring = createLane(1024);
    new LaneSender(ring).send(line('a'), false);
    const words = state(0, 256, 64, 0, 1e6);
    addon?.seal(Buffer.from(ring, 256), Buffer.alloc(100), words);
    expect([...words]).toEqual([0, 256, 64, 0, 1e6, 0, 0]);
  });
});
