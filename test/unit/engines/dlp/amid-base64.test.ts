// An image is not refused for letters that stand in the order of a key; a key beside one is found.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isAmidBase64 } from '../../../../src/engines/dlp/amid-base64.js';
import { scanJson, shippedScanner } from './shipped-rules.js';

/** The same at each run: bytes as an image has them. */
const noise = (bytes: number, seed: string): Buffer => Buffer.concat(Array.from({ length: Math.ceil(bytes / 32) }, (_, n) => createHash('sha256').update(`${seed} ${n}`).digest())).subarray(0, bytes);
const base64 = (seed: string): string => noise(1536, seed).toString('base64');
const urlSafe = (seed: string): string => noise(1536, seed).toString('base64url');
const wrapped = (seed: string): string => base64(seed).replace(/.{76}/g, '$&\\r\\n');
const PLAIN = `cio${'aB3d'.repeat(8)}`;
const DASHED = `figd_${'aB_3'.repeat(10)}`;
const amid = (before: string, match: string, after: string): boolean => isAmidBase64(Buffer.from(before + match + after), before.length, before.length + match.length);

describe('a match amid base64', () => {
  it.each<readonly [string, boolean, string, string, string]>([
    ['of letters alone, in either alphabet', true, `${base64('a')}/`, PLAIN, `/${base64('b')}`],
    ['of letters alone, URL-safe', true, `${urlSafe('a')}-`, PLAIN, `-${urlSafe('b')}`],
    ['in wrapped lines', true, `${wrapped('a')}/`, PLAIN, `\\r\\n${wrapped('b')}`],
    ['with dashes of that alphabet', true, `${urlSafe('a')}-`, DASHED, `-${urlSafe('b')}`],
    ['with dashes of the other', false, `${base64('a')}/`, DASHED, `/${base64('b')}`],
    ['between two alphabets', false, `${base64('a')}/`, PLAIN, `-${urlSafe('b')}`],
    ['between letters alone', false, 'A'.repeat(2000), PLAIN, 'A'.repeat(2000)],
    ['at its end', false, `${base64('a')}/`, PLAIN, ''],
    ['shortly before its end', false, `${base64('a')}/`, PLAIN, `/${base64('b').slice(0, 900)}"`],
    ['at its beginning', false, 'key=', PLAIN, `/${base64('b')}`],
    ['behind a break', false, `${base64('a')} `, PLAIN, `/${base64('b')}`],
  ])('%s is chance: %s', (_what, expected, before, match, after) => {
    expect(amid(before, match, after)).toBe(expected);
  });
});

describe('a scan', () => {
  const scanner = shippedScanner();
  const found = (text: string) => scanJson(scanner, JSON.stringify({ text })).filter(({ category }) => category === 'credentials').map(({ rule, action }) => [rule, action]);

  it('notes such a match, and refuses nothing for it', () => {
    expect(found(`${base64('a')}/${PLAIN}/${base64('b')}`)).toEqual([['code-service-token', 'flag']]);
  });

  it('refuses for the same elsewhere, however many of those stand before it', () => {
    const image = `${base64('a')}/${PLAIN}/${base64('b')}`;
    expect(found(`${image} ${PLAIN}`)).toContainEqual(['code-service-token', 'block']);
    expect(found(`${base64('a')}/${`${PLAIN}/`.repeat(150)}${base64('b')} ${PLAIN}`).map(([, action]) => action)).toContain('block');
  });

  it('refuses for a key that is encoded in the run', () => {
    const run = Buffer.concat([noise(1536, 'a'), Buffer.from(` ${PLAIN} `), noise(1536, 'b')]).toString('base64');
    expect(found(run)).toContainEqual(['code-service-token', 'block']);
    expect(found(`${base64('a')}/${PLAIN}/${run}`).map(([, action]) => action)).toContain('block');
  });
});
