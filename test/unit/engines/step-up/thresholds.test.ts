// Thresholds: the file, its mistakes, and the gate at each edge.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ConfigFault } from '../../../../src/base/config/fault.js';
import { gateOf, parseThresholds } from '../../../../src/engines/step-up/thresholds.js';

const PLAIN = { toolName: 't', critical: false, requiresStepUp: false };
const total = (sum: number) => ({ total: sum, impact: 0, reversibility: 0, exposure: 0, novelty: 0 });

describe('parseThresholds', () => {
  it.each(['', '# nothing\n', readFileSync('config/risk_thresholds.yaml', 'utf8')])('gives 3, 6 and 9 for the default file and for none', (text) => {
    const { pass, checked, approval, tools } = parseThresholds(text, 'f');
    expect([pass, checked, approval, tools.size]).toEqual([3, 6, 9, 0]);
  });

  it('takes what a tool leaves out from the others', () => {
    const thresholds = parseThresholds('thresholds:\n  checked: 5\ntools:\n  send:\n    pass: -1\n  "__proto__":\n    pass: 0\n', 'f');
    expect(thresholds.tools.get('send')).toEqual({ pass: -1, checked: 5, approval: 9 });
  });

  it.each([
    ['thresholds:\n  pass: 7\n', 1], ['thresholds:\n  pass: 13\n', 2], ['thresholds:\n  pass: -2\n', 2], ['thresholds:\n  pass: 1.5\n', 2], ['thresholds:\n  pass: "3"\n', 2], ['threshold:\n  pass: 3\n', 1],
    ['thresholds:\n  pas: 3\n', 2], ['tools:\n  x:\n    deny: 1\n', 3], ['tools:\n  x:\n    checked: 10\n', 2], ['- 1\n', 1], ['thresholds: 3\n', 1], ['a: [\n', 2],
  ])('refuses %j and names line %i', (text, line) => {
    try {
      parseThresholds(text, 'f');
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigFault);
      expect((error as ConfigFault).line).toBeGreaterThanOrEqual(line);
      expect((error as ConfigFault).line).toBeLessThanOrEqual(line + 1);
      return;
    }
    throw new Error('accepted');
  });
});

describe('gateOf', () => {
  const thresholds = parseThresholds('tools:\n  send:\n    pass: -1\n    checked: -1\n  read:\n    pass: 12\n    checked: 12\n    approval: 12\n  never:\n    pass: -1\n    checked: -1\n    approval: -1\n', 'f');

  it.each([
    [0, 'pass'], [3, 'pass'], [4, 'checked'], [6, 'checked'], [7, 'approval'], [9, 'approval'], [10, 'denied'], [12, 'denied'], [NaN, 'denied'], [Infinity, 'denied'],
  ] as const)('lets a total of %d meet %s', (sum, gate) => {
    expect(gateOf(total(sum), PLAIN, thresholds)).toBe(gate);
  });

  it('wants a person for critical tools and tools with step-up, whatever they score', () => {
    expect(gateOf(total(0), { ...PLAIN, critical: true }, thresholds)).toBe('approval');
    expect(gateOf(total(0), { ...PLAIN, requiresStepUp: true }, thresholds)).toBe('approval');
    expect(gateOf(total(10), { ...PLAIN, critical: true, requiresStepUp: true }, thresholds)).toBe('denied');
  });

  it('keeps to a tool\'s own limits', () => {
    expect(gateOf(total(0), { ...PLAIN, toolName: 'send' }, thresholds)).toBe('approval');
    expect(gateOf(total(12), { ...PLAIN, toolName: 'read' }, thresholds)).toBe('pass');
    expect(gateOf(total(0), { ...PLAIN, toolName: 'read', critical: true }, thresholds)).toBe('approval');
    expect(gateOf(total(0), { ...PLAIN, toolName: 'never' }, thresholds)).toBe('denied');
  });
});
