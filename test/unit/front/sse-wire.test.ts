// The stream of an HTTP+SSE client as a wire: order, what waits and is counted, what pushes it out, and how it ends.
import { describe, expect, it } from 'vitest';
import { CLOSE } from '../../../src/front/channel-wire.js';
import { SseWire } from '../../../src/front/sse-wire.js';

const message = (n: number, size = 10): string => `{"n":${n},"x":"${'x'.repeat(size)}"}`;

/** A response whose client takes `room` bytes more. */
function stream() {
  const state = { room: Infinity, held: 0, text: '', ended: '', writable: (): void => undefined, drains: 0, writes: 0 };
  const reply = {
    write(chunk: Uint8Array | string): boolean {
      state.writes += 1;
      state.text += Buffer.from(chunk).toString();
      state.held += chunk.length;
      const taken = Math.min(state.held, state.room);
      state.held -= taken;
      state.room -= taken;
      return state.held === 0;
    },
    onDrain: (listener: () => void) => { state.writable = listener; },
    end: () => { state.ended = 'end'; },
    destroy: () => { state.ended = 'destroy'; },
  };
  const wire = new SseWire(reply, () => { state.drains += 1; });
  const numbers = (): number[] => [...state.text.matchAll(/^data: \{"n":(\d+)/gm)].map(([, n]) => Number(n));
  /** The client takes so much more; when it has all, that is told. */
  const take = (bytes: number): void => {
    state.room = bytes;
    const taken = Math.min(state.held, state.room);
    state.held -= taken;
    state.room -= taken;
    if (state.held === 0) state.writable();
  };
  return { wire, state, numbers, take };
}

describe('a message', () => {
  it('is one event, be it text or bytes', () => {
    const { wire, state } = stream();
    expect([wire.send('{"a":1}'), wire.send(Buffer.from('{\n"b":2}')), wire.bufferedBytes]).toEqual([true, true, 0]);
    expect(state.text).toBe('event: message\ndata: {"a":1}\n\nevent: message\ndata: {\ndata: "b":2}\n\n');
  });
  it('that is not taken whole is counted, and those after it wait, in order, none lost', () => {
    const { wire, state, numbers, take } = stream();
    state.room = 5;
    for (let n = 0; n < 5000; n++) expect(wire.send(message(n))).toBe(false);
    expect(state.writes).toBe(1);
    const all = wire.bufferedBytes;
    expect(all).toBeGreaterThan(5000 * message(1).length);
    take(1000);
    expect(wire.bufferedBytes).toBeLessThan(all);
    expect(state.drains).toBe(1);
    for (let times = 0; times < 1000 && wire.bufferedBytes > 0; times++) take(10_000);
    expect([wire.bufferedBytes, wire.send(message(5000))]).toEqual([0, true]);
    expect(numbers()).toEqual(Array.from({ length: 5001 }, (_, n) => n));
  });
  it('larger than a piece goes alone, and what is small goes together', () => {
    const { wire, state, numbers, take } = stream();
    state.room = 0;
    for (const [n, size] of [[0, 1], [1, 1], [2, 200_000], [3, 1], [4, 1]] as const) wire.send(message(n, size));
    state.writes = 0;
    take(Infinity);
    expect([numbers(), state.writes]).toEqual([[0, 1, 2, 3, 4], 3]); // one, the large one, two
  });
  it('is not done while the library holds some of it', () => {
    const { wire, state, take } = stream();
    state.room = 0;
    wire.send(message(0, 1000));
    take(500);
    expect([wire.bufferedBytes > 1000, state.drains]).toEqual([true, 0]);
    take(1000);
    expect([wire.bufferedBytes, state.drains]).toEqual([0, 1]);
  });
});

it('has nothing to say when nothing waits', () => {
  const { state, take } = stream();
  take(Infinity);
  expect([state.text, state.drains]).toEqual(['', 0]);
});

describe('a tick', () => {
  it('keeps a silent stream open', () => {
    const { wire, state } = stream();
    wire.tick();
    expect(state.text).toBe(': keep-alive\n\n');
  });
  it('sends on what the library was left with, though it never said that it may', () => {
    const { wire, state, numbers } = stream();
    state.room = 0;
    for (const n of [0, 1]) wire.send(message(n));
    state.room = Infinity;
    wire.tick();
    expect([wire.bufferedBytes, numbers(), state.drains]).toEqual([0, [0, 1], 1]);
  });
});

describe('the end', () => {
  it('comes after what waits, and says why', () => {
    const { wire, state, numbers } = stream();
    state.room = 0;
    for (const n of [0, 1, 2]) wire.send(message(n));
    wire.end(CLOSE.goingAway, 'shutdown');
    expect([numbers(), state.text.endsWith('\n\n: shutdown\n\n'), state.ended]).toEqual([[0, 1, 2], true, 'end']);
  });
  it.each([['that does not read', CLOSE.tryAgainLater], ['whose answer can not be whole', CLOSE.internalError]])('of a client %s is a cut: nothing looks whole', (_what, code) => {
    const { wire, state } = stream();
    wire.end(code, 'x');
    expect([state.text, state.ended]).toEqual(['', 'destroy']);
  });
});
