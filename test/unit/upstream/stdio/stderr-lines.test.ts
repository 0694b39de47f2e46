// What a process says on stderr: how much of it is heard, and that no part of a secret is.
import { describe, expect, it } from 'vitest';
import { LINE_BYTES_MAX, StderrLines } from '../../../../src/upstream/stdio/stderr-lines.js';

function lines(...secrets: string[]) {
  const told: (readonly [string, number])[] = [];
  const clock = { nowMs: 50_000 };
  const holdsSecret = (text: string): boolean => {
    if (text.includes('too much')) throw new Error('it takes too much to read');
    return text.includes('disguised');
  };
  const stderr = new StderrLines(() => clock.nowMs, () => secrets, holdsSecret, (line, leftOut) => void told.push([line, leftOut]));
  return { told, clock, say: (text: string) => stderr.push(Buffer.from(text)) };
}
const SECRET = 'hunter2-hunter2';

describe('a line', () => {
  it.each([
    ['has its secrets masked', `a ${SECRET} b ${SECRET}`, 'a *** b ***'], ['that ends within one has none of it', 'a hunter2-hu', 'a ***'], ['that ends with a word that every text has keeps it', 'a hunte', 'a hunte'], ['that is one alone is masked whole', SECRET, '***'],
  ])('%s', (_what, said, heard) => {
    const { told, say } = lines(SECRET, 'short');
    say(said);
    expect(told).toEqual([[heard, 0]]);
  });

  it.each(['disguised', 'too much'])('that holds a secret in another form, or may, is withheld: %s', (text) => {
    const { told, say } = lines(SECRET);
    say(`it is ${text}, and ${SECRET}`);
    expect(told).toEqual([['(a line with a secret in it)', 0]]);
  });

  it('keeps what is short', () => {
    const { told, say } = lines('short');
    say('in short');
    expect(told).toEqual([['in short', 0]]);
  });

  it('is cut at its bound, and not within a secret', () => {
    const { told, say } = lines(SECRET);
    say('x'.repeat(LINE_BYTES_MAX - 8) + SECRET);
    expect(told).toEqual([[`${'x'.repeat(LINE_BYTES_MAX - 8)}***`, 0]]);
  });
});

describe('a flood', () => {
  it('is counted, and heard again when its time is over', () => {
    const { told, clock, say } = lines();
    for (let n = 0; n < 25; n++) say(`${n}`);
    expect(told).toHaveLength(20);
    clock.nowMs += 9999;
    say('too early');
    clock.nowMs += 1;
    for (let n = 0; n < 25; n++) say(`again ${n}`);
    expect([told[20], told.at(-1), told.length]).toEqual([['again 0', 6], ['again 19', 0], 40]);
  });
});
