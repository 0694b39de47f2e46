// What needs a policy rule (SPEC section 4), and what no spelling of a message may avoid.
import { describe, expect, it } from 'vitest';
import { METHODS, needsPolicyRule, routeOf } from '../../../src/mcp/methods.js';

describe('policy', () => {
  it('needs no rule for exactly these requests', () => {
    const free = [...METHODS].filter(([method, row]) => row.kind === 'request' && !needsPolicyRule({ kind: 'request', method })).map(([method]) => method);
    expect(free).toEqual(['initialize', 'ping', 'server/discover']);
  });
  it.each(['tools/call', 'tools/list', 'x/unknown', '__proto__', 'Initialize', 'notifications/initialized'])('needs a rule for the request %s', (method) => {
    expect(needsPolicyRule({ kind: 'request', method })).toBe(true);
  });
  it('needs a rule for a message that only lacks its id', () => {
    expect(needsPolicyRule({ kind: 'notification', method: 'tools/call' })).toBe(true);
    expect(needsPolicyRule({ kind: 'notification', method: 'vendor/run' })).toBe(true);
    expect(needsPolicyRule({ kind: 'notification', method: 'notifications/vendor' })).toBe(false);
  });
  it('needs no rule for an answer', () => {
    expect(needsPolicyRule({ kind: 'response', method: '' })).toBe(false);
  });
});

describe('routing', () => {
  it('knows where each kind of method goes', () => {
    expect([routeOf('tools/call'), routeOf('tools/list'), routeOf('ping'), routeOf('resources/read'), routeOf('x/unknown')]).toEqual(['tool', 'all', 'gateway', 'resource', 'session']);
  });
});
