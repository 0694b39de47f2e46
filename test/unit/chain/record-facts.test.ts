// What the record says of a request, from its context.
import { describe, expect, it } from 'vitest';
import { requestFacts, type Ending } from '../../../src/chain/record-facts.js';
import type { DlpScanner, LocatedFinding } from '../../../src/engines/dlp/types.js';
import { shippedScanner } from '../engines/dlp/shipped-rules.js';
import { callOf, contextOf } from './contexts.js';

const finding = (rule: string): LocatedFinding => ({ rule, category: 'credentials', action: 'flag', path: '$', sample: 'AK…', decoded: 'raw', from: 0, to: 1 });
const ending = (answerFindings: readonly LocatedFinding[]): Ending => ({ decision: 'ALLOW', refusal: undefined, aborted: false, status: 200, nowUs: 1, argumentsDigest: undefined, answerFindings });

describe('the findings of a record', () => {
  it('are those of the request, then those of the answer, whichever of the two was scanned', () => {
    const ctx = contextOf('{}');
    expect(requestFacts(ctx, ending([])).findings).toEqual([]);
    expect(requestFacts(ctx, ending([finding('a')])).findings).toMatchObject([{ rule: 'a', direction: 'response' }]);
    ctx.findings = [finding('q')];
    expect(requestFacts(ctx, ending([])).findings.map(({ rule, direction }) => [rule, direction])).toEqual([['q', undefined]]);
    expect(requestFacts(ctx, ending([finding('a')])).findings.map(({ rule, direction }) => [rule, direction])).toEqual([['q', undefined], ['a', 'response']]);
  });
});

describe('what a record says was called', () => {
  it.each([
    ['$.params.uri', { method: 'resources/read', name: '', uri: 'file:///notes?key=KEY' }], ['$.params.name', { method: 'prompts/get', name: 'KEY' }], ['$.params.ref.name', { method: 'completion/complete', name: 'KEY' }], ['$.method', { method: 'x/KEY', name: '' }],
  ])('is withheld where a credential was found in it: %s', (path, call) => {
    const ctx = contextOf('{}');
    ctx.tool = 'none';
    ctx.call = callOf(call);
    expect(JSON.stringify(requestFacts(ctx, ending([])))).toContain('KEY');
    ctx.findings = [{ ...finding('github-token'), path }];
    const facts = requestFacts(ctx, ending([]));
    expect(JSON.stringify(facts)).not.toContain('KEY');
    expect(`${facts.tool ?? ''}${facts.method ?? ''}`).toContain('[withheld: github-token, ');
    ctx.findings = [{ ...finding('email-address'), category: 'pii', path }];
    expect(JSON.stringify(requestFacts(ctx, ending([])))).toContain('KEY');
  });

  it.each([['resources/read', { uri: 'file:///notes?key=KEY' }], ['x/KEY-of-a-service', { name: '' }]])('is scanned where layer 7 was not reached: %s', (method, call) => {
    const scanned: string[] = [];
    const rules = (found: readonly LocatedFinding[] | Error): DlpScanner => Object.assign(shippedScanner(), {
      scanText: (text: string) => {
        scanned.push(text);
        if (found instanceof Error) throw found;
        return [...found];
      },
    });
    const said = (found: readonly LocatedFinding[] | Error): string => {
      const ctx = contextOf('{}', { snapshot: { requestRules: rules(found) } });
      ctx.tool = 'none';
      ctx.findings = undefined;
      ctx.call = callOf({ name: '', method, ...call });
      return JSON.stringify(requestFacts(ctx, { ...ending([]), decision: 'DENY', status: 403 }));
    };
    expect(said([])).toContain('KEY');
    expect(scanned.some((text) => text.includes('KEY'))).toBe(true);
    expect(said([{ ...finding('github-token'), path: '$' }])).not.toContain('KEY');
    expect(said(new Error('the engine fails'))).not.toContain('KEY');
    const tooMany = contextOf('{}', { snapshot: { requestRules: rules([{ ...finding('github-token'), path: '$' }]) } });
    tooMany.findings = [{ ...finding('findings-max-reached'), path: '$' }]; // which others there were, nobody says
    tooMany.tool = 'none';
    tooMany.call = callOf({ name: '', method, ...call });
    expect(JSON.stringify(requestFacts(tooMany, ending([])))).not.toContain('KEY');
  });
});
