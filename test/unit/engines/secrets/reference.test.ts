// The grammar of references: what is one, and what only looks like one.
import { describe, expect, it } from 'vitest';
import { formatReference, parseReferences } from '../../../../src/engines/secrets/reference.js';

describe('parseReferences', () => {
  it.each([
    ['', []],
    ['$SPIKE {ref:a}', []],
    ['$spike{ref:a}', []],
    ['SPIKE{ref:a}', []],
    ['$SPIKE{ref:0af}', [['0af', undefined, undefined]]],
    ['Bearer $SPIKE{ref:a-b_c.D9}!', [['a-b_c.D9', undefined, undefined]]],
    ['$SPIKE{ref:a,exp:60}', [['a', 60, undefined]]],
    ['$SPIKE{ref:a,scope:tools.http.api}', [['a', undefined, 'tools.http.api']]],
    ['$SPIKE{ref:a,exp:1,scope:s}$SPIKE{ref:b}', [['a', 1, 's'], ['b', undefined, undefined]]],
  ])('reads %j', (text, expected) => {
    expect(parseReferences(text)?.map((one) => [one.ref, one.expSeconds, one.scope])).toEqual(expected);
  });

  it.each([
    '$SPIKE{', '$SPIKE{}', '$SPIKE{ref:}', '$SPIKE{ref:a', '$SPIKE{ref: a}', '$SPIKE{ ref:a}', '$SPIKE{REF:a}', '$SPIKE{a}', '$SPIKE{exp:1,ref:a}', '$SPIKE{ref:a,scope:s,exp:1}', '$SPIKE{ref:a,exp:}', '$SPIKE{ref:a,exp:0}', '$SPIKE{ref:a,exp:01}',
    '$SPIKE{ref:a,exp:-1}', '$SPIKE{ref:a,exp:1e3}', '$SPIKE{ref:a,exp:99999999999}', '$SPIKE{ref:a,scope:}', '$SPIKE{ref:a,scope:a b}', '$SPIKE{ref:a,scope:a,b}', '$SPIKE{ref:a,}', '$SPIKE{ref:a}$SPIKE{', '$SPIKE{$SPIKE{ref:a}}', '$SPIKE{ref:ä}', `$SPIKE{ref:${'a'.repeat(129)}}`, '$SPIKE{ref:a\n}',
  ])('takes %j for malformed', (text) => {
    expect(parseReferences(text)).toBeUndefined();
  });

  it('reads what formatReference writes', () => {
    expect(parseReferences(formatReference('00ff'))?.[0]?.ref).toBe('00ff');
  });
});
