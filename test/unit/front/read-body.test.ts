// Framing, and the reader's arithmetic with pieces of every size.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Load } from '../../../src/front/admission.js';
import { BodyMemory } from '../../../src/front/body-memory.js';
import { BodyDeadlines, BodyReader, readFraming } from '../../../src/front/read-body.js';
import type { HttpResponse } from '../../../src/front/uws-types.js';

describe('framing', () => {
  it.each([['', '', 0], ['0', '', 0], ['5', '', 5], ['', 'Chunked', undefined]])('reads Content-Length %j with Transfer-Encoding %j', (length, encoding, announced) => {
    expect(readFraming(length, encoding)).toEqual({ ok: true, announced });
  });
  it.each([['5', 'chunked'], ['5, 5', ''], ['+5', ''], ['-5', ''], ['5 ', ''], ['0x5', ''], ['1e3', ''], ['(unreadable)', ''], ['9999999999999999', ''], ['', 'chunked, chunked'], ['', 'gzip'], ['', 'identity'], ['', 'chunked;x']])('refuses Content-Length %j with Transfer-Encoding %j', (length, encoding) => {
    expect(readFraming(length, encoding)).toEqual({ ok: false });
  });
});

interface Read {
  readonly outcomes: string[];
  readonly body: Buffer;
  readonly reader: BodyReader;
}

function readPieces(pieces: readonly Buffer[], announced: number | undefined, bodyBytesMax: number, load: Load, memory = new BodyMemory()): Read {
  const outcomes: string[] = [];
  let body = Buffer.alloc(0);
  const deadlines = new BodyDeadlines(() => 0);
  const reader = new BodyReader(announced, { bodyBytesMax, bodyTimeoutMs: 1000, bytesPerSecondMin: 0 }, load, deadlines, memory, 0, {
    bodyWhole(whole) {
      outcomes.push('whole');
      body = Buffer.from(whole);
    },
    bodyFailed: (failure) => outcomes.push(failure),
    bodyDropped: () => outcomes.push('dropped'),
  });
  let feed: ((chunk: ArrayBuffer, isLast: boolean) => void) | undefined;
  reader.start({ onData: (handler: typeof feed) => { feed = handler; } } as unknown as HttpResponse);
  pieces.forEach((piece, at) => {
    const chunk = new Uint8Array(piece).buffer;
    feed?.(chunk, at === pieces.length - 1);
    structuredClone(chunk, { transfer: [chunk] });
  });
  deadlines.stop();
  return { outcomes, body, reader };
}

const pieces = fc.array(fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)), { minLength: 1, maxLength: 20 });

describe('pieces', () => {
  it('become the same body, however they are cut, and settle once', () => {
    fc.assert(fc.property(pieces, fc.boolean(), (parts, known) => {
      const whole = Buffer.concat(parts);
      const { outcomes, body, reader } = readPieces(parts, known ? whole.byteLength : undefined, 100_000, new Load(1 << 20));
      expect(outcomes).toEqual(['whole']);
      expect(body.equals(whole)).toBe(true);
      expect(reader.reservedBytes).toBeGreaterThanOrEqual(whole.byteLength);
    }));
  });
  it('are refused exactly when they pass the limit', () => {
    fc.assert(fc.property(pieces, fc.integer({ min: 0, max: 3000 }), (parts, max) => {
      let total = 0;
      const passedBy = parts.findIndex(({ byteLength }) => (total += byteLength) > max);
      const { outcomes } = readPieces(parts, undefined, max, new Load(1 << 20));
      expect(outcomes).toEqual(passedBy === -1 ? ['whole'] : passedBy === parts.length - 1 ? ['too_large'] : ['too_large', 'dropped']);
    }));
  });
  it('reserve nothing when there is no room', () => {
    const load = new Load(1000);
    const { outcomes, reader } = readPieces([Buffer.alloc(900), Buffer.alloc(200)], 1100, 5000, load);
    expect([outcomes[0], reader.reservedBytes, load.bytes]).toEqual(['no_room', 0, 0]);
  });
});

describe('the rest of a refused body', () => {
  const LIMITS = { bodyBytesMax: 10, bodyTimeoutMs: 1000, bytesPerSecondMin: 0 };
  type Feed = (chunk: ArrayBuffer, isLast: boolean) => void;

  function reading(begin: (reader: BodyReader, response: HttpResponse) => void): { readonly said: string[]; readonly reader: BodyReader; readonly feed: Feed; readonly look: () => void } {
    const said: string[] = [];
    const deadlines = new BodyDeadlines(() => 0);
    const reader = new BodyReader(undefined, LIMITS, new Load(1 << 20), deadlines, new BodyMemory(), 0, { bodyWhole: () => said.push('whole'), bodyFailed: (failure) => said.push(failure), bodyDropped: () => said.push('dropped') });
    let feed: Feed = () => undefined;
    begin(reader, { onData: (handler: Feed) => { feed = handler; } } as unknown as HttpResponse);
    deadlines.stop();
    return { said, reader, feed: (chunk, isLast) => feed(chunk, isLast), look: () => reader.judge(5000) };
  }

  it('is dropped from the first byte where nothing of it is to be looked at', () => {
    const { said, reader, feed } = reading((each, response) => each.startDropping(response));
    expect(reader.comes).toBe(true);
    for (const isLast of [false, false, true, true]) feed(new ArrayBuffer(100), isLast);
    expect([said, reader.comes, reader.reservedBytes]).toEqual([['dropped'], false, 0]);
  });
  it('is no longer waited for when nothing comes, and ends once', () => {
    const { said, feed, look } = reading((each, response) => each.startDropping(response));
    for (let looks = 0; looks < 20; looks++) look();
    feed(new ArrayBuffer(1), true);
    expect(said).toEqual(['dropped']);
  });
  it('ends nothing any more once it is given up, although it is looked at in the same sweep', () => {
    for (const fed of [0, 11]) {
      const { said, reader, feed, look } = reading((each, response) => each.start(response));
      feed(new ArrayBuffer(fed), false);
      reader.cancel();
      said.length = 0;
      for (let looks = 0; looks < 20; looks++) look();
      feed(new ArrayBuffer(100), true);
      expect(said).toEqual([]);
    }
  });
});
