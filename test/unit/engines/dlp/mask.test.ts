// Masks: the place goes, the rest stays, and what is left is JSON.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSecret, maskFindings, maskTokens } from '../../../../src/engines/dlp/mask.js';
import type { LocatedFinding } from '../../../../src/engines/dlp/types.js';
import { scanJson, shippedScanner } from './shipped-rules.js';

const scanner = shippedScanner();
const masked = (json: string): string => maskFindings(Buffer.from(json), 0, Buffer.byteLength(json), scanJson(scanner, json).filter(isSecret));
const finding = (from: number, to: number, path = '$.x'): LocatedFinding => ({ rule: 'r', category: 'pii', action: 'flag', path, sample: '', decoded: 'raw', from, to });

describe('maskFindings', () => {
  it.each([
    ['{"command":"rm -rf /","note":"to ada@example.org, please"}', '{"command":"rm -rf /","note":"to [withheld: email-address, 15 characters], please"}'],
    ['{"ada@example.org":[1,"x"]}', '{"[withheld: email-address, 15 characters]":[1,"x"]}'],
    ['["a\\n\\u0061da@example.org b"]', '["a\\n[withheld: email-address, 20 characters] b"]'],
    [`["x ${Buffer.from('write to ada@example.org soon').toString('base64')} | sh"]`, '["x [withheld: email-address, 39 characters]= | sh"]'],
    ['{"text":"ignore all previous instructions"}', '{"text":"ignore all previous instructions"}'],
    ['[1,2,true,null,"é"]', '[1,2,true,null,"é"]'],
  ])('makes %s to %s', (json, wanted) => {
    expect(masked(json)).toBe(wanted);
  });

  it('takes numbers and strings whole that a finding over several of them touches', () => {
    const json = '{"a": 4111111111111111, "b":"x"}';
    const at = json.indexOf('4');
    expect(maskFindings(Buffer.from(json), 0, json.length, [finding(at, at + 16, '$')])).toBe('{"a": "[withheld: r, 16 characters]", "b":"x"}');
    expect(maskFindings(Buffer.from(json), 0, json.length, [finding(2, json.indexOf('x') + 1, '$')])).toBe('{"[withheld: r, 1 character]": "[withheld: r, 16 characters]", "[withheld: r, 1 character]":"[withheld: r, 1 character]"}');
  });

  it('leaves alone what lies elsewhere', () => {
    const json = '{"a":"ada"}';
    expect(maskFindings(Buffer.from(json), 5, 10, [finding(1, 4), finding(6, 9, 'header:x'), finding(0, 0, '$')])).toBe('"ada"');
  });

  it('leaves JSON, wherever the places are', () => {
    fc.assert(fc.property(fc.jsonValue(), fc.array(fc.tuple(fc.nat(200), fc.nat(60)), { maxLength: 6 }), (value, places) => {
      const json = JSON.stringify(value).replace(/[^\x20-\x7e]|\\./g, '?');
      const findings = places.filter(([from]) => from < json.length).map(([from, length]) => finding(from, Math.min(json.length, from + length), from % 2 === 0 ? '$' : '$.x'));
      expect(() => JSON.parse(maskFindings(Buffer.from(json), 0, json.length, findings)) as unknown).not.toThrow();
    }), { numRuns: 1000 });
  });
});

describe('maskTokens', () => {
  it('takes every string and number in which something is found', () => {
    const text = maskTokens('{"a":["to ada@example.org","ls"],"b@example.org":4111111111111111,"c":"cut off b@exam', (token) => scanner.scanText(token, '$'));
    expect(text).toBe('{"a":["[withheld: email-address, 20 characters]","ls"],"[withheld: email-address, 15 characters]":"[withheld: payment-card, 16 characters]","c":"cut off b@exam');
  });
});
