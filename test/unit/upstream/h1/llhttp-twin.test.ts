// The answer reader beside llhttp, on generated and spoilt answers: it may be stricter, never more lenient, and what both read is the same, wherever the bytes are cut.
// H1_TWIN_RUNS=400000 for the long form (make soak).
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KnownHeads } from '../../../../src/upstream/h1/answer-reader.js';
import { answers, followed } from './answers-fuzz.js';
import { KEEP_ALIVE_MS, llhttpReads, readAnswer, readByLlhttp, type Outcome } from './answers.js';

const RUNS = Number(process.env['H1_TWIN_RUNS'] ?? 4000);
const TIMEOUT_MS = 60_000 + RUNS * 10;
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const told = ({ status, headers, body, end }: Outcome): object => ({ status, headers, body, end });

describe('an answer that is generated, whole or spoilt', () => {
  it('is read as llhttp reads it, or not at all', () => {
    const seen = { whole: 0, broken: 0, cut: 0 };
    fc.assert(fc.property(answers, (text) => {
      const own = readAnswer([bytes(text)]);
      seen[own.end] += 1;
      const reference = llhttpReads(bytes(text));
      // Whatever was passed on before the answer broke or was cut has reached its caller, too.
      if (own.status !== 0) expect({ status: reference.status, headers: reference.headers }).toEqual({ status: own.status, headers: own.headers });
      expect(reference.body.slice(0, own.body.length)).toBe(own.body);
      if (own.end === 'whole') expect({ ...reference, end: 'whole' }).toEqual(told(own));
    }), { numRuns: RUNS });
    // The generator must not only make what both refuse.
    expect(Math.min(seen.whole, seen.broken)).toBeGreaterThan(RUNS / 20);
  }, TIMEOUT_MS);

  it('is the same, cut at any byte', () => {
    fc.assert(fc.property(answers, (text) => {
      const whole = bytes(text);
      const expected = told(readAnswer([whole]));
      for (let at = 1; at < whole.length; at++) expect(told(readAnswer([whole.subarray(0, at), whole.subarray(at)])), `cut at ${at}`).toEqual(expected);
      expect(told(readAnswer(Array.from(whole, (byte) => Buffer.of(byte)))), 'byte by byte').toEqual(expected);
    }), { numRuns: Math.ceil(RUNS / 20) });
  }, TIMEOUT_MS);
});

describe('answers one after another', () => {
  it('are read as llhttp reads them, whichever head was read before', () => {
    fc.assert(fc.property(fc.array(followed, { minLength: 2, maxLength: 6 }), answers, (all, last) => {
      const heads = new KnownHeads(KEEP_ALIVE_MS);
      for (const text of [...all, last]) {
        const own = readAnswer([bytes(text)], heads);
        const alone = readAnswer([bytes(text)]);
        expect(own).toEqual(alone);
        if (own.end === 'whole') expect(readByLlhttp(bytes(text))).toEqual({ status: own.status, headers: own.headers, body: own.body });
      }
    }), { numRuns: Math.ceil(RUNS / 4) });
  }, TIMEOUT_MS);
});
