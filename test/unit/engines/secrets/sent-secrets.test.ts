// What a tool server was given is remembered, bounded, and for that server alone.
import { describe, expect, it } from 'vitest';
import { createSentSecrets } from '../../../../src/engines/secrets/sent-secrets.js';

describe('what a tool server was given', () => {
  it('is remembered for that server alone, each secret once', () => {
    const sent = createSentSecrets();
    sent.remember('http://a/mcp', ['one', 'two', 'one']);
    sent.remember('http://a/mcp', ['two', 'three']);
    expect([...sent.of('http://a/mcp')].sort()).toEqual(['one', 'three', 'two']);
    expect(sent.of('http://b/mcp')).toEqual([]);
  });

  it('is the same list until something new is given, so that nothing is built anew for it', () => {
    const sent = createSentSecrets();
    sent.remember('http://a/mcp', ['one']);
    const before = sent.of('http://a/mcp');
    sent.remember('http://a/mcp', ['one']);
    sent.remember('http://a/mcp', []);
    expect(sent.of('http://a/mcp')).toBe(before);
  });

  it('is bounded, and what was given last stays', () => {
    const sent = createSentSecrets();
    for (let n = 0; n < 1000; n++) sent.remember('http://a/mcp', [`secret ${n}`, 'always']);
    expect(sent.of('http://a/mcp').length).toBeLessThan(1000);
    expect(sent.of('http://a/mcp')).toContain('secret 999');
    expect(sent.of('http://a/mcp')).toContain('always');
    expect(sent.of('http://a/mcp')).not.toContain('secret 0');
  });
});
