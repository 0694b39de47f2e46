// Layer 1: what the front stopped reading is refused; everything else passes untouched.
import { describe, expect, it } from 'vitest';
import { PASS } from '../../../src/chain/verdict.js';
import { requestSizeLimit } from '../../../src/layers/01-request-size-limit.js';
import { contextOf } from '../chain/contexts.js';

describe('the size limit', () => {
  it('passes a body the front accepted', () => {
    expect(requestSizeLimit.decide(contextOf('{}'))).toBe(PASS);
  });

  it('refuses one that passed the limit, with both numbers', () => {
    const ctx = contextOf('{}');
    Object.assign(ctx.inbound, { bodyTooLarge: true, bodyBytes: 10_485_761 });
    expect(requestSizeLimit.decide(ctx)).toMatchObject({ code: 'request_too_large', details: { max_bytes: 10_485_760, seen_bytes: 10_485_761 } });
  });
});
