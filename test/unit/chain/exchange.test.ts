// The one exit: one request line for each request, and nothing leaves before what must be durable is.
import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Exchange } from '../../../src/chain/exchange.js';
import { NO_WORK } from '../../../src/chain/upstream-work.js';
import { deny } from '../../../src/chain/verdict.js';
import { MCP_ACCEPT } from '../../support/inbound-reply.js';
import { AGENT_ID, configOf, contextOf, toolOf } from './contexts.js';
import { KEY, setUp, turns, withGrant } from './exchange-fixture.js';

describe('an answer', () => {
  it('is not released before its line is durable', () => {
    const { exchange, appender, reply } = setUp();
    exchange.decided();
    exchange.json('{"ok":true}');
    expect([reply.state, appender.types]).toEqual(['open', ['request']]);
    appender.settle();
    expect([reply.state, reply.text]).toEqual(['whole', '{"ok":true}']);
  });

  it('becomes audit_unavailable_fail_closed when its line fails, and nothing of it leaves', () => {
    const { exchange, appender, reply } = setUp();
    let givenUp = 0;
    exchange.work = { ...NO_WORK, giveUp: () => void givenUp++ };
    exchange.json('{"secret":"answer"}');
    appender.settle(new Error('disk full'));
    expect([reply.status, reply.code, givenUp]).toEqual([503, 'audit_unavailable_fail_closed', 1]);
    expect(reply.text).not.toContain('answer');
  });

  it.each<[string, (exchange: ReturnType<typeof setUp>['exchange']) => void]>([
    ['an answer', (exchange) => exchange.json('{}')],
    ['a refusal', (exchange) => exchange.refuse(deny('mcp_timeout'))],
    ['a stream', (exchange) => exchange.beginStream(200, [], () => undefined)],
  ])('of a call that was forwarded is no 503 when its line fails, for clients repeat those: %s', (_what, leave) => {
    const { exchange, appender, reply, later } = setUp();
    exchange.beforeWire(() => leave(exchange));
    appender.settle(new Error('disk full'));
    expect([reply.status, reply.code]).toEqual([500, 'gateway_fault']);
    expect(reply.text).toContain('"reason_code":"answer_unrecorded"');
    later.shift()?.();
    expect(appender.lines.at(-1)).toMatchObject({ type: 'request', decision: 'ALLOW', code: 'gateway_fault', reason_code: 'answer_unrecorded' });
  });

  it.each([[true, deny('auth_invalid_identity', { endsConnection: true })], [false, deny('auth_invalid_identity')]])('ends its connection where that is what is wrong: %s', (ends, refusal) => {
    const { exchange, appender, reply } = setUp();
    exchange.refuse(refusal);
    appender.settle();
    expect([reply.status, reply.closeAfter]).toEqual([401, ends]);
  });

  it('tells of its grant once its line is written after all', async () => {
    const { exchange, appender, done, later } = setUp(withGrant({ snapshot: { config: configOf('audit: {intent: none}') } }));
    exchange.beforeWire(() => exchange.json('{}'));
    await turns();
    appender.settle(new Error('disk full'));
    const before = done.length;
    later.shift()?.();
    appender.settle();
    expect(done.slice(before)).toEqual([expect.stringMatching(/^recorded /)]);
  });

  it('that a client who has hung up would have had is kept as what it was', () => {
    const { exchange, appender, reply, later } = setUp();
    exchange.beforeWire(() => undefined);
    reply.aborted = true;
    exchange.refuse(deny('client_disconnected'));
    appender.settle(new Error('disk full'));
    later.shift()?.();
    expect(appender.lines.at(-1)).toMatchObject({ type: 'request', code: 'client_disconnected', status: 499 });
  });

  it.each([
    ['answered twice', (exchange: Exchange) => exchange.json('{}')],
    ['refused after it was answered', (exchange: Exchange) => exchange.refuse(deny('gateway_fault'))],
    ['streamed after it was answered', (exchange: Exchange) => exchange.beginStream(200, [], () => undefined)],
  ])('has one request line even when it is %s', (_what, again) => {
    const { exchange, appender, reply } = setUp();
    exchange.json('{}');
    again(exchange);
    appender.settle();
    again(exchange);
    expect([appender.types, reply.sends]).toEqual([['request'], 1]);
  });

  it('is recorded with the digest that the scan of a large call brought along', () => {
    const ctx = contextOf('{"a": 1}');
    ctx.argumentsDigest = 'hmac-sha256:of the scan';
    const { exchange, appender } = setUp(ctx);
    exchange.decided();
    exchange.json('{}');
    expect(appender.lines[0]?.['arguments_digest']).toBe('hmac-sha256:of the scan');
  });

  it('is recorded with the keyed digest of the canonical arguments', () => {
    const { exchange, appender } = setUp(contextOf('{ "b": 1.50, "a": "\\u0041" }'));
    exchange.decided();
    exchange.json('{}');
    expect(appender.lines[0]?.['arguments_digest']).toBe(`hmac-sha256:${createHmac('sha256', KEY).update('{"a":"A","b":1.50}').digest('hex')}`);
  });

  it('that hits a hang-up is recorded as it was decided, with 499', () => {
    const { exchange, appender, reply } = setUp();
    exchange.beforeWire(() => reply.hangUp());
    exchange.json('{}');
    expect(appender.lines[0]).toMatchObject({ decision: 'ALLOW', code: 'client_disconnected', status: 499 });
  });
});

describe('a refusal', () => {
  it('before the wire is DENY with its code, step and caller', () => {
    const { exchange, appender, reply, stats } = setUp();
    exchange.refuse(deny('authz_policy_denied'));
    appender.settle();
    expect(appender.lines[0]).toMatchObject({ decision: 'DENY', code: 'authz_policy_denied', spiffe_id: AGENT_ID, status: 403, tool: 'my_tool', method: 'tools/call' });
    expect([reply.status, reply.code]).toEqual([403, 'authz_policy_denied']);
    expect(stats.report()).toMatchObject({ allowed: 0, denied: 1, byCode: { authz_policy_denied: 1 } });
  });

  it('after the wire leaves the decision standing', () => {
    const { exchange, appender } = setUp();
    exchange.beforeWire(() => exchange.refuse(deny('mcp_timeout')));
    expect(appender.lines[0]).toMatchObject({ decision: 'ALLOW', code: 'mcp_timeout', status: 504 });
  });

  it('ends the connection of a body that was too large', () => {
    const ctx = contextOf('{}');
    Object.assign(ctx.inbound, { bodyTooLarge: true });
    const { exchange, appender, reply } = setUp(ctx);
    exchange.refuse(deny('request_too_large'));
    appender.settle();
    expect(reply.closeAfter).toBe(true);
  });

  it('that is a fault past the layers is gateway_fault, told to the log and not to the caller', () => {
    const { exchange, appender, reply, faults } = setUp();
    exchange.guard(() => {
      throw new Error('inner workings');
    });
    appender.settle();
    expect([reply.code, faults.length]).toEqual(['gateway_fault', 1]);
    expect(JSON.stringify(appender.lines) + reply.text).not.toContain('inner workings');
  });

  it('gives a stream a visible end', () => {
    const { exchange, appender, reply } = setUp();
    exchange.beginStream(200, [], () => undefined);
    appender.settle();
    exchange.refuse(deny('response_blocked'));
    expect(reply.state).toBe('streaming');
    appender.settle();
    expect([reply.state, appender.lines[1]]).toMatchObject(['cut', { type: 'stream_end', code: 'response_blocked' }]);
  });
});

describe('the intent line', () => {
  const cases: readonly (readonly [string, string, Parameters<typeof toolOf>[0], refs: readonly string[], boolean])[] = [
    ['high', 'low', { riskLevel: 'low' }, [], false], ['high', 'medium', { riskLevel: 'medium' }, [], false], ['high', 'high', { riskLevel: 'high' }, [], true], ['high', 'critical', { riskLevel: 'critical' }, [], true],
    ['high', 'low with a secret', { riskLevel: 'low' }, ['ref-1'], true], ['all', 'low', { riskLevel: 'low' }, [], true], ['none', 'critical with a secret', { riskLevel: 'critical' }, ['ref-1'], false],
  ];
  it.each(cases)('under audit.intent %s for a tool of risk %s', (mode, _what, tool, secretRefs, wanted) => {
    const ctx = contextOf('{}', { snapshot: { config: configOf(`audit: {intent: ${mode}}`) } });
    ctx.tool = { registered: toolOf(tool), hashAlg: 'seed' };
    ctx.outbound = { bytes: undefined, secretValues: [], secretRefs };
    const { exchange, appender, done } = setUp(ctx);
    exchange.beforeWire(() => void done.push('wire'));
    expect([appender.types, done]).toEqual(wanted ? [['intent'], []] : [[], ['wire']]);
  });

  it('is not written for notifications and streams', () => {
    for (const posted of [{ httpMethod: 'GET' as const }, {}]) {
      const ctx = contextOf('{}', { posted, snapshot: { config: configOf('audit: {intent: all}') } });
      if (posted.httpMethod === undefined) Object.assign(ctx, { call: { ...ctx.call, kind: 'notification' } });
      const { exchange, appender } = setUp(ctx);
      exchange.beforeWire(() => undefined);
      expect(appender.types).toEqual([]);
    }
  });

  it('keeps the body for after the handler', () => {
    const ctx = contextOf('{}', { snapshot: { config: configOf('audit: {intent: all}') } });
    let kept = 0;
    ctx.inbound.retain = () => void kept++;
    setUp(ctx).exchange.beforeWire(() => undefined);
    expect(kept).toBe(1);
  });
});

describe('before the wire', () => {
  it('the session learns of the action, once', () => {
    const ctx = contextOf('{}');
    ctx.action = { tool: 'my_tool', classification: 'internal', external: false, riskLevel: 'low', destination: undefined, atMs: 1 };
    const { exchange, recorded } = setUp(ctx);
    exchange.beforeWire(() => undefined);
    expect(recorded).toEqual([ctx.action]);
  });

  it('a fault of the terminal is this request\'s, however late it comes', async () => {
    const { exchange, appender, faults } = setUp(withGrant());
    exchange.beforeWire(() => {
      throw new Error('terminal');
    });
    await turns();
    expect(() => appender.settle()).not.toThrow();
    expect([faults.length, appender.lines.at(-1)]).toMatchObject([1, { type: 'request', code: 'gateway_fault' }]);
  });
});

describe('a stream', () => {
  it('has its request line durable before its first byte and its stream_end before its last', () => {
    const { exchange, appender, reply } = setUp();
    const finding = { rule: 'r', category: 'pii', action: 'flag', path: '$', sample: '', decoded: 'raw', from: 0, to: 1 } as const;
    exchange.addFindings([{ ...finding, rule: 'before' }]);
    exchange.beginStream(200, [['content-type', 'text/event-stream']], () => void exchange.write('data: ü\n\n'));
    exchange.addFindings([finding]);
    expect([reply.state, appender.types]).toEqual(['open', ['request']]);
    expect(appender.lines[0]).toMatchObject({ findings: [{ rule: 'before', direction: 'response' }] });
    appender.settle();
    expect([reply.state, reply.text]).toEqual(['streaming', 'data: ü\n\n']);
    exchange.write(Buffer.from('data: 2\n\n'));
    exchange.endStream();
    expect([reply.state, appender.types]).toEqual(['streaming', ['request', 'stream_end']]);
    expect(appender.lines[1]).toMatchObject({ bytes: Buffer.byteLength('data: ü\n\ndata: 2\n\n'), messages: 2, status: 200, code: null, findings: [{ rule: 'r', direction: 'response' }] });
    appender.settle();
    expect(reply.state).toBe('ended');
  });

  it('whose end can not be recorded is cut', () => {
    const { exchange, appender, reply } = setUp();
    exchange.beginStream(200, [], () => undefined);
    appender.settle();
    exchange.endStream();
    appender.settle(new Error('disk full'));
    expect(reply.state).toBe('cut');
  });

  it('that loses its client says so, once', () => {
    const { exchange, appender, reply } = setUp();
    exchange.work = { ...NO_WORK, clientGone: () => exchange.endStream('client_disconnected') };
    exchange.beginStream(200, [], () => undefined);
    appender.settle();
    reply.hangUp();
    exchange.endStream();
    exchange.cut(deny('gateway_fault'));
    expect(appender.lines.map(({ type, code }) => [type, code])).toEqual([['request', null], ['stream_end', 'client_disconnected']]);
  });

  it('that loses its client while its first line is written still gets its end', () => {
    const { exchange, appender, reply } = setUp();
    exchange.work = { ...NO_WORK, clientGone: () => exchange.endStream('client_disconnected') };
    exchange.beginStream(200, [], () => undefined);
    reply.hangUp();
    appender.settle();
    expect(appender.types).toEqual(['request', 'stream_end']);
  });

  it.each([
    ['ends', (exchange: Exchange) => exchange.endStream('client_disconnected'), 'client_disconnected'],
    ['is refused', (exchange: Exchange) => exchange.refuse(deny('gateway_fault')), 'gateway_fault'],
  ])('that %s while its first line is written ends as soon as it has begun', (_what, end, code) => {
    const { exchange, appender, reply } = setUp(contextOf('{}', { posted: { headers: { accept: MCP_ACCEPT } } }));
    let begun = false;
    exchange.beginStream(200, [], () => void (begun = true));
    expect(exchange.ended).toBe(false);
    end(exchange);
    exchange.json('{"too":"late"}');
    appender.settle();
    expect(appender.types).toEqual(['request', 'stream_end']);
    expect(appender.lines[1]).toMatchObject({ code });
    appender.settle();
    expect([begun, reply.state === 'open']).toEqual([false, false]);
  });

  it('whose beginning can not be recorded never begins', () => {
    const { exchange, appender, reply } = setUp(contextOf('{}', { posted: { headers: { accept: MCP_ACCEPT } } }));
    let begun = false;
    exchange.beginStream(200, [], () => void (begun = true));
    appender.settle(new Error('disk full'));
    expect([begun, reply.code]).toEqual([false, 'audit_unavailable_fail_closed']);
  });
});

describe('a request of the tool server', () => {
  it('is passed on once its own line is durable', () => {
    const { exchange, appender, done } = setUp();
    exchange.beginStream(200, [], () => undefined);
    appender.settle();
    exchange.serverRequest('sampling/createMessage', 'http://127.0.0.1:9/mcp', undefined, () => void done.push('passed'));
    expect([done, appender.lines[1]]).toMatchObject([[], { type: 'server_request', decision: 'ALLOW', method: 'sampling/createMessage' }]);
    appender.settle();
    expect(done).toEqual(['passed']);
  });

  it('whose method holds what no record may repeat has it withheld there', () => {
    const { exchange, appender } = setUp();
    exchange.beginStream(200, [], () => undefined);
    appender.settle();
    exchange.serverRequest('sampling/hunter2', 'http://127.0.0.1:9/mcp', undefined, () => undefined);
    expect(appender.lines[1]).toMatchObject({ type: 'server_request', method: '[withheld: secret, 16 characters]' });
  });

  it('that can not be recorded is not passed on and ends the stream', () => {
    const { exchange, appender, done, reply } = setUp();
    exchange.work = { ...NO_WORK, giveUp: () => void done.push('given up') };
    exchange.beginStream(200, [], () => undefined);
    appender.settle();
    exchange.serverRequest('roots/list', 'u', undefined, () => void done.push('passed'));
    appender.settle(new Error('disk full'));
    appender.settle();
    expect([done, reply.state]).toEqual([['given up'], 'cut']);
  });
});

describe('the breaker', () => {
  it('gets its probe back when the beginning of its stream can not be recorded', () => {
    const ctx = contextOf('{}');
    ctx.breaker = { key: 'k', probe: true };
    const { exchange, appender, settled } = setUp(ctx);
    exchange.beginStream(200, [], () => undefined);
    appender.settle(new Error('disk full'));
    exchange.endStream();
    expect(settled).toEqual(['neutral']);
  });

  const broken = () => {
    const ctx = contextOf('{}');
    ctx.breaker = { key: 'k', probe: true };
    return setUp(ctx);
  };
  it('learns nothing of a hang-up, and gives its probe back', () => {
    const { exchange, settled } = broken();
    exchange.beforeWire(() => exchange.refuse(deny('client_disconnected')));
    expect(settled).toEqual(['neutral']);
  });

  it('learns nothing of a refusal before the wire', () => {
    const { exchange, settled } = broken();
    exchange.refuse(deny('invalid_spike_token'));
    expect(settled).toEqual(['neutral']);
  });

  it('is told once, with the last word', () => {
    const { exchange, settled, appender } = broken();
    exchange.settle('failure');
    exchange.settle('success');
    exchange.json('{}');
    appender.settle();
    exchange.json('{}');
    exchange.endStream();
    expect(settled).toEqual(['success']);
  });
});

describe('a request of nobody', () => {
  it('shares a line above the rate and waits for it', () => {
    const ctx = contextOf('{}');
    ctx.caller = undefined;
    const { exchange, appender, reply } = setUp(ctx);
    exchange.refuse(deny('auth_missing_identity'));
    expect(appender.lines[0]).toMatchObject({ spiffe_id: null, code: 'auth_missing_identity', status: 401 });
    appender.settle();
    expect([reply.status, reply.headers['www-authenticate']]).toEqual([401, expect.stringContaining('resource_metadata=')]);
  });
});
