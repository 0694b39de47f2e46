// A request as spans: when each began and ended, and what of it may leave the gateway.
import { describe, expect, it } from 'vitest';
import { PASSED, FAULTED } from '../../../src/chain/context.js';
import { spansOf, type TracedRequest } from '../../../src/chain/request-spans.js';
import { deny } from '../../../src/chain/verdict.js';
import { contextOf } from './contexts.js';
import { setUp, turns } from './exchange-fixture.js';

const RECEIVED_US = 1_000_000;
const layers = (us: readonly number[], verdict = PASSED) => Array.from({ length: 13 }, (_, i) => ({ verdict: i < us.length ? verdict : 0, us: us[i] ?? 0, note: undefined }));
const request = (more: Partial<TracedRequest> = {}): TracedRequest => ({
  traceId: 't', spanId: 's', parentSpanId: undefined, method: 'tools/call', tool: 'echo', server: 'http://127.0.0.1:9/mcp', decision: 'ALLOW', code: undefined, reasonCode: undefined, status: 200, decisionId: 'd', sessionId: undefined,
  spiffeId: undefined, principal: undefined, riskScore: 0, rules: [], layers: layers(new Array(13).fill(10)), receivedUs: RECEIVED_US, decidedUs: RECEIVED_US + 1000, forwardedUs: RECEIVED_US + 1100, answeredUs: RECEIVED_US + 5000, respondedUs: RECEIVED_US + 5200,
  endedUs: RECEIVED_US + 6000, stream: undefined, ...more,
});
const keyOf = (id: string): string => `key of ${id}`;
const times = (one: TracedRequest): Record<string, readonly [number, number]> => Object.fromEntries(spansOf(one, () => 'x', keyOf).map(({ name, startUs, endUs }) => [name, [startUs - RECEIVED_US, endUs - RECEIVED_US]]));

describe('the spans of a request', () => {
  it('follow one another: the body, the layers up to the decision, the tool server, the firewall, the record', () => {
    expect(times(request())).toMatchObject({
      'tools/call echo': [0, 6000], 'gateway.body_capture': [0, 870], 'gateway.request_size_limit': [870, 880], 'gateway.token_substitution': [990, 1000],
      'gateway.proxy': [1100, 5000], 'gateway.response_firewall': [5000, 5200], 'gateway.audit_commit': [5200, 6000],
    });
  });

  it('never begin before the request, nor end before they begin', () => {
    const odd = request({ layers: layers([5000, 5000]), decidedUs: RECEIVED_US + 10, forwardedUs: RECEIVED_US + 20, answeredUs: 0, respondedUs: RECEIVED_US + 5, endedUs: RECEIVED_US + 3 });
    for (const { startUs, endUs } of spansOf(odd, () => 'x', keyOf)) expect([startUs >= RECEIVED_US, endUs >= startUs]).toEqual([true, true]);
  });

  it('of a stream have no end but the stream\'s', () => {
    const streamed = times(request({ answeredUs: 0, stream: { bytes: 5, messages: 2, code: undefined } }));
    expect([streamed['gateway.proxy'], streamed['gateway.audit_commit'], streamed['gateway.response_firewall']]).toEqual([[1100, 6000], undefined, undefined]);
  });

  it.each([
    [{ code: 'mcp_request_failed', status: 200 }, 'mcp_request_failed'], [{ code: 'authz_policy_denied', status: 403 }, undefined], [{ code: 'response_blocked', status: 502 }, undefined], [{ code: 'gateway_fault', status: 500 }, 'gateway_fault'], [{ code: undefined, status: 500 }, '500'],
    [{ stream: { bytes: 0, messages: 0, code: 'mcp_timeout' } }, 'mcp_timeout'], [{ stream: { bytes: 0, messages: 0, code: 'client_disconnected' } }, undefined],
  ])('fail where the gateway or the tool server did: %j', (more, error) => {
    expect(spansOf(request(more), () => 'x', keyOf)[0]?.error).toBe(error);
  });

  it.each([
    [{ method: undefined, tool: undefined }, 'unread request'], [{ method: 'made/up', tool: undefined }, 'other method'], [{ method: 'GET', tool: undefined }, 'GET'], [{ method: 'resources/read', tool: 'file:///a' }, 'resources/read'],
    [{ layers: layers(new Array(4).fill(1)) }, 'tools/call'],
  ])('have a name of few that there are: %j', (more, name) => {
    expect(spansOf(request(more), () => 'x', keyOf)[0]?.name).toBe(name);
  });

  it('name a session by its key, never by the id that its client holds', () => {
    const spans = spansOf(request({ sessionId: 'held' }), () => 'x', keyOf);
    expect([spans[0]?.attributes['mcp.session.key'], JSON.stringify(spans).includes('"held"')]).toEqual(['key of held', false]);
  });

  it.each([['mcp_timeout', 'mcp_timeout', 'allowed'], ['response_blocked', undefined, 'denied'], ['gateway_fault', undefined, 'allowed']])('put %s where it arose', (code, atServer, atFirewall) => {
    const spans = spansOf(request({ code, status: 502 }), () => 'x', keyOf);
    expect([spans.find(({ name }) => name === 'gateway.proxy')?.error, spans.find(({ name }) => name === 'gateway.response_firewall')?.attributes['mcp.result']]).toEqual([atServer, atFirewall]);
  });

  it('name the layer that failed as the failure', () => {
    const failed = request({ layers: [{ verdict: PASSED, us: 1, note: undefined }, { verdict: FAULTED, us: 1, note: 'mcp_invalid_request' }] });
    expect(spansOf(failed, () => 'x', keyOf).filter(({ name, error }) => name.startsWith('gateway.') && error !== undefined).map(({ name, error }) => [name, error])).toEqual([['gateway.shape_validator', 'mcp_invalid_request']]);
  });
});

describe('an exchange that is recorded as a trace', () => {
  const traced = () => contextOf('{"a": 1}', { trace: { parentSpanId: 'p' } });

  it('gives it away once, when its record is written', () => {
    const { exchange, appender, traced: given } = setUp(traced());
    exchange.decided();
    exchange.beforeWire(() => exchange.answer(200, [], 'ok'));
    expect(given).toEqual([]);
    appender.settle();
    expect(given).toMatchObject([{ decision: 'ALLOW', status: 200, parentSpanId: 'p', stream: undefined, tool: 'my_tool' }]);
    expect(JSON.stringify(given)).not.toContain('"a"');
  });

  it('says what the client was told where the record could not be written', () => {
    const { exchange, appender, traced: given } = setUp(traced());
    exchange.decided();
    exchange.refuse(deny('authz_policy_denied'));
    appender.settle(new Error('disk'));
    expect(given).toMatchObject([{ decision: 'DENY', code: 'audit_unavailable_fail_closed' }]);
  });

  it('ends with its stream, however soon that ends', async () => {
    const { exchange, appender, traced: given } = setUp(traced());
    exchange.decided();
    exchange.beforeWire(() => exchange.beginStream(200, [], () => {
      exchange.write('data: 1\n\n');
      exchange.endStream();
    }));
    appender.settle();
    await turns();
    appender.settle();
    expect(given).toMatchObject([{ status: 200, stream: { messages: 1, bytes: 9, code: undefined } }]);
  });

  it('is none where the request is not sampled', () => {
    const { exchange, appender, traced: given } = setUp();
    exchange.decided();
    exchange.refuse(deny('authz_policy_denied'));
    appender.settle();
    expect(given).toEqual([]);
  });
});
