// What a tool server was given is remembered, bounded, and for that server alone.
import { describe, expect, it } from 'vitest';
import { SharedText, SharedTextFull } from '../../../../src/base/shared/shared-text.js';
import { createSentSecrets, createSentSecretsMemory } from '../../../../src/engines/secrets/sent-secrets.js';

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

  it('is known to every thread before anything is sent, and a list that did not change stays the same', () => {
    const memory = createSentSecretsMemory();
    const [one, two] = [1, 2].map((owner) => createSentSecrets(new SharedText(memory, owner)));
    two?.remember('http://b/mcp', ['other']);
    const before = two?.of('http://b/mcp');
    one?.remember('http://a/mcp', ['öne']);
    expect([two?.of('http://a/mcp'), two?.of('http://b/mcp')]).toEqual([['öne'], ['other']]);
    expect(two?.of('http://b/mcp')).toBe(before);
    two?.remember('http://a/mcp', ['two']);
    expect(one?.of('http://a/mcp')).toEqual(['öne', 'two']);
  });

  it('is not sent where there is no room to remember it', () => {
    const sent = createSentSecrets();
    sent.remember('http://a/mcp', ['one']);
    expect(() => sent.remember('http://a/mcp', ['x'.repeat(5_000_000)])).toThrow(SharedTextFull);
    expect(sent.of('http://a/mcp')).toEqual(['one']);
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
