// Substitution: which bytes change, which never do, and each refusal.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Content, StoredReference, StoredSecret } from '../../../../src/engines/secrets/content.js';
import { mayHoldReferences, REFERENCE_PLACES, substituteAt } from '../../../../src/engines/secrets/substitute.js';
import type { SubstituteResult } from '../../../../src/engines/secrets/types.js';

const CALLER = 'spiffe://poc.local/agents/mcp-client/my-agent/dev';
const NOW = 1_000_000;
const secretOf = (name: string, value: string): StoredSecret => ({ name, owner: CALLER, scope: 's', version: 1, createdMs: 0, value });
const referenceOf = (ref: string, name: string, more: Partial<StoredReference> = {}): StoredReference => ({ ref, name, owner: CALLER, scope: 's', issuedMs: NOW - 10_000, expiresMs: NOW + 10_000, ...more });

function contentOf(secrets: readonly StoredSecret[], references: readonly StoredReference[]): Content {
  return { secrets: new Map(secrets.map((one) => [one.name, one])), references: new Map(references.map((one) => [one.ref, one])) };
}

const CONTENT = contentOf(
  [secretOf('plain', 'hunter22'), secretOf('odd', 'a"b\\c\n$SPIKE{ref:p}\u2028é😀')],
  [referenceOf('p', 'plain'), referenceOf('o', 'odd'), referenceOf('others', 'plain', { owner: 'spiffe://poc.local/else' }), referenceOf('scoped', 'plain', { scope: 't' }), referenceOf('old', 'plain', { expiresMs: NOW }), referenceOf('gone', 'removed')],
);

function ask(text: string, requiredScope: string | null = 's', content: Content | Error = CONTENT, from = 0, to = Buffer.byteLength(text)): SubstituteResult {
  const read = (): Content => {
    if (content instanceof Error) throw content;
    return content;
  };
  const bytes = Buffer.from(text);
  const places: unknown = mayHoldReferences(bytes, from, to) ? structuredClone(REFERENCE_PLACES.read(bytes, { from, to })) : [];
  if (!REFERENCE_PLACES.isFound(places)) throw new TypeError('places of references are something else');
  return substituteAt(bytes, places, { caller: CALLER, requiredScope: requiredScope ?? undefined, nowMs: NOW, read });
}

function outOf(result: SubstituteResult): string {
  return result.kind === 'substituted' ? Buffer.from(result.bytes).toString() : result.kind === 'none' ? 'none' : `${result.code}/${result.reasonCode}`;
}

describe('substitution', () => {
  it('puts the secret in and changes no other byte', () => {
    const text = '{ "a" : "x $SPIKE{ref:p} y",\t"n": 1.0e+2, "e": "\\u0041\\/", "l":["$SPIKE{ref:p}", {"d":"$SPIKE{ref:p}$SPIKE{ref:p}"}] }';
    const result = ask(text);
    expect(outOf(result)).toBe('{ "a" : "x hunter22 y",\t"n": 1.0e+2, "e": "\\u0041\\/", "l":["hunter22", {"d":"hunter22hunter22"}] }');
    expect(result).toMatchObject({ values: ['hunter22'], refs: ['p'] });
  });

  it('escapes the secret for JSON and expands nothing in it', () => {
    const result = ask('{"a":"$SPIKE{ref:o}"}');
    expect(JSON.parse(outOf(result))).toEqual({ a: 'a"b\\c\n$SPIKE{ref:p}\u2028é😀' });
  });

  it.each(['"\\u0024SPIKE{ref:p}"', '"$\\u0053PIKE{ref:p}"', '"$SPIKE\\u007bref:p\\u007D"', '"$SPIKE{ref:\\u0070}"'])('finds the escaped reference %s', (text) => {
    expect(JSON.parse(outOf(ask(text)))).toBe('hunter22');
  });

  it('re-encodes only the string it changes', () => {
    expect(outOf(ask('["\\u00e9\\/\\t", "\\/ $SPIKE{ref:p}"]'))).toBe('["\\u00e9\\/\\t", "/ hunter22"]');
  });

  it('leaves keys, and everything outside the span, alone', () => {
    const text = '{"x":"$SPIKE{ref:p}","arguments":{"$SPIKE{ref:p}":1,"a\\u0024":"b"},"y":"$SPIKE{"}';
    const from = text.indexOf('{"$SPIKE');
    expect(ask(text, 's', CONTENT, from, text.indexOf('},"y"') + 1).kind).toBe('none');
  });

  it.each(['{}', '""', '{"a":"no reference","b":"\\u0041"}', '[1,2,null]', '{"a":"$SPIKE"}'])('has nothing to do in %s, and does not open the store', (text) => {
    expect(ask(text, null, new Error('opened')).kind).toBe('none');
  });

  it.each([
    ['"$SPIKE{ref:p"', 's', 'invalid_spike_token/malformed_reference'],
    ['["$SPIKE{ref:p}", "$SPIKE{nope}"]', 's', 'invalid_spike_token/malformed_reference'],
    [JSON.stringify(Array.from({ length: 65 }, () => '$SPIKE{ref:p}')), 's', 'invalid_spike_token/too_many_references'],
    ['"$SPIKE{ref:p}"', undefined, 'token_scope_failed/tool_without_required_scope'],
    ['"$SPIKE{ref:p}"', 'S', 'token_scope_failed/scope_differs_from_tool'],
    ['"$SPIKE{ref:scoped}"', 's', 'token_scope_failed/scope_differs_from_tool'],
    ['"$SPIKE{ref:p,scope:t}"', 's', 'token_scope_failed/scope_differs_from_issued'],
    ['"$SPIKE{ref:others}"', 's', 'token_ownership_failed/not_the_owner'],
    ['"$SPIKE{ref:old}"', 's', 'token_expired/reference_expired'],
    ['"$SPIKE{ref:p,exp:10}"', 's', 'token_expired/reference_expired'],
    ['"$SPIKE{ref:unknown}"', 's', 'token_redemption_failed/unknown_reference'],
    ['"$SPIKE{ref:gone}"', 's', 'token_redemption_failed/unknown_reference'],
    ['"$SPIKE{ref:__proto__}"', 's', 'token_redemption_failed/unknown_reference'],
    ['["$SPIKE{ref:p}","$SPIKE{ref:others}"]', 's', 'token_ownership_failed/not_the_owner'],
  ])('refuses %s for scope %s: %s', (text, scope, expected) => {
    expect(outOf(ask(text, scope ?? null))).toBe(expected);
  });

  it('names the scopes that do not agree, to the owner alone', () => {
    const scopesOf = (text: string, scope: string | null): unknown => {
      const result = ask(text, scope);
      return result.kind === 'refused' ? result.scopes : result.kind;
    };
    expect(scopesOf('"$SPIKE{ref:p}"', null)).toEqual({ required_scope: null });
    expect(scopesOf('"$SPIKE{ref:p}"', 'S')).toEqual({ required_scope: 'S', issued_scope: 's' });
    expect(scopesOf('"$SPIKE{ref:p,scope:t}"', 's')).toEqual({ required_scope: 's', issued_scope: 's', asked_scope: 't' });
    expect(scopesOf('"$SPIKE{ref:others}"', 'S')).toBeUndefined();
  });

  it('lets exp shorten and never lengthen, and scope repeat what was issued', () => {
    expect(outOf(ask('"$SPIKE{ref:p,exp:11}"'))).toBe('"hunter22"');
    expect(outOf(ask('"$SPIKE{ref:old,exp:999999}"'))).toBe('token_expired/reference_expired');
    expect(outOf(ask('"$SPIKE{ref:p,scope:s}"'))).toBe('"hunter22"');
  });

  it('refuses when the store can\'t be opened, without its reason', () => {
    expect(outOf(ask('"$SPIKE{ref:p}"', 's', new Error('bad key')))).toBe('token_redemption_failed/store_unavailable');
  });

  it('gives, for any JSON value, what replacing in the parsed value gives', () => {
    const piece = fc.oneof(fc.constantFrom('$SPIKE{ref:p}', '$SPIKE{ref:o}', '$', '{', '"', '\\', 'é', '\n'), fc.string({ maxLength: 4, unit: 'grapheme' }));
    const text = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(''));
    const value = fc.letrec((tie) => ({ node: fc.oneof({ depthSize: 'small' }, text, fc.integer(), fc.array(tie('node'), { maxLength: 3 }), fc.dictionary(fc.string({ maxLength: 3 }), tie('node'), { maxKeys: 3 })) })).node;
    const expand = (one: unknown): unknown => {
      if (typeof one === 'string') return one.split(/(\$SPIKE\{ref:[po]\})/).map((part) => (part === '$SPIKE{ref:p}' ? 'hunter22' : part === '$SPIKE{ref:o}' ? 'a"b\\c\n$SPIKE{ref:p}\u2028é😀' : part)).join('');
      if (Array.isArray(one)) return one.map(expand);
      return typeof one === 'object' && one !== null ? Object.fromEntries(Object.entries(one).map(([name, held]) => [name, expand(held)])) : one;
    };
    fc.assert(fc.property(value, (generated) => {
      const json = JSON.stringify(generated);
      const result = ask(json);
      if (result.kind === 'none') expect(expand(JSON.parse(json))).toEqual(JSON.parse(json));
      else if (result.kind === 'substituted') expect(JSON.parse(outOf(result))).toEqual(expand(JSON.parse(json)));
      else expect(result.code).toBe('invalid_spike_token');
    }), { numRuns: 500 });
  });
});
