// A caller's places: a bound for each, taken at admission.
import { describe, expect, it } from 'vitest';
import { PASS } from '../../../src/chain/verdict.js';
import { createPlaces } from '../../../src/engines/limits/places.js';
import { holdPlace } from '../../../src/layers/hold-place.js';
import { callerOf, configOf, contextOf } from '../chain/contexts.js';

const config = configOf('front: {requests_per_caller_max: 2}');
const ctxOf = (caller?: string) => Object.assign(contextOf('{}', { snapshot: { config } }), { place: undefined, caller: callerOf(caller) });

describe('a place', () => {
  it('is one of the caller\'s own, and is free again when it is given back', () => {
    const layer = holdPlace(createPlaces());
    const [first, second, third] = [ctxOf(), ctxOf(), ctxOf()];
    expect([layer.decide(first as never), layer.decide(second as never)]).toEqual([PASS, PASS]);
    expect(layer.decide(third as never)).toMatchObject({ code: 'gateway_overloaded', reasonCode: 'requests_per_caller', retryAfterSeconds: 1 });
    expect(third.place).toBeUndefined();
    expect(layer.decide(ctxOf('spiffe://poc.local/agents/mcp-client/other/dev') as never)).toBe(PASS);
    if (first.place !== undefined) (first.place as { taken: number }).taken -= 1;
    expect([layer.decide(third as never), layer.decide(ctxOf() as never)]).toMatchObject([PASS, { code: 'gateway_overloaded' }]);
  });
});
