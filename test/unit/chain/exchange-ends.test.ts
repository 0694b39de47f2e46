// Requests that outlive their client, or their gateway: each is recorded once, and says by what it ended.
import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { NO_WORK } from '../../../src/chain/upstream-work.js';
import { deny } from '../../../src/chain/verdict.js';
import { configOf, contextOf } from './contexts.js';
import { KEY, setUp, turns, withGrant } from './exchange-fixture.js';

describe('a call whose approval ended while it was on its way', () => {
  it('is told so, and not that its risk is too high', async () => {
    const { exchange, appender, reply, state } = setUp(withGrant());
    state.consumes = false;
    exchange.beforeWire(() => expect.fail('nothing may be sent'));
    await turns();
    appender.settle();
    expect(appender.lines).toMatchObject([{ type: 'request', decision: 'DENY', code: 'stepup_denied', reason_code: 'grant_not_usable' }]);
    expect(reply.json).toMatchObject({ message: 'The approval ended before the call could be sent. Nothing was forwarded.', remediation: expect.stringContaining('Repeat the identical call') as string });
  });
});

describe('a request whose gateway stops', () => {
  const shutdown = { code: 'gateway_fault', reason_code: 'shutdown' };

  it('while it is decided is refused, and its verdict comes too late', () => {
    const { exchange, appender, reply, done } = setUp(withGrant());
    reply.lose('shutdown');
    expect(exchange.decided()).toBe(false);
    exchange.beforeWire(() => void done.push('wire'));
    exchange.refuse(deny('authz_policy_denied'));
    appender.settle();
    expect(appender.lines).toMatchObject([{ type: 'request', decision: 'DENY', ...shutdown }]);
    expect([reply.code, done]).toEqual(['gateway_fault', ['release req-1 tok-1', 'release req-1 tok-1']]);
  });

  it('keeps its arguments\' digest, though the chain has not spoken', () => {
    const { appender, reply } = setUp(contextOf('{"a": 1}'));
    reply.lose('shutdown');
    expect(appender.lines[0]?.['arguments_digest']).toBe(`hmac-sha256:${createHmac('sha256', KEY).update('{"a":1}').digest('hex')}`);
  });

  it('while its intent is written sends nothing', () => {
    const { exchange, appender, reply, done } = setUp(contextOf('{}', { snapshot: { config: configOf('audit: {intent: all}') } }));
    exchange.beforeWire(() => void done.push('wire'));
    reply.lose('shutdown');
    appender.settle();
    appender.settle();
    expect([appender.lines, done, reply.code]).toMatchObject([[{ type: 'intent' }, { type: 'request', decision: 'DENY', ...shutdown }], [], 'gateway_fault']);
  });

  it('while the tool server works is answered, with the decision that stood, and blames nobody', () => {
    const ctx = contextOf('{}');
    ctx.breaker = { key: 'k', probe: true };
    const { exchange, appender, reply, settled, faults } = setUp(ctx);
    let givenUp = 0;
    exchange.work = { ...NO_WORK, giveUp: () => void givenUp++ };
    exchange.beforeWire(() => undefined);
    reply.lose('shutdown');
    expect([reply.state, givenUp]).toEqual(['open', 1]);
    appender.settle();
    expect([appender.lines, reply.status, settled, faults]).toMatchObject([[{ decision: 'ALLOW', status: 500, ...shutdown }], 500, ['neutral'], []]);
  });

  it.each([['has begun', true], ['begins', false]])('as its answer %s gets a stream_end, and its client sees the cut', (_what, begun) => {
    const { exchange, appender, reply } = setUp();
    exchange.beginStream(200, [], () => undefined);
    if (begun) appender.settle();
    reply.lose('shutdown');
    if (!begun) appender.settle();
    appender.settle();
    expect([appender.lines, reply.state]).toMatchObject([[{ type: 'request', code: null }, { type: 'stream_end', code: 'gateway_fault' }], 'cut']);
  });

  it('after it has left is left alone', () => {
    const { exchange, appender, reply } = setUp();
    exchange.json('{}');
    exchange.lose('shutdown');
    appender.settle();
    exchange.lose('shutdown');
    expect([appender.types, reply.text]).toEqual([['request'], '{}']);
  });
});

describe('a request whose client is gone and that goes on', () => {
  it('is known until its record is written', () => {
    const { exchange, appender, reply, unattended } = setUp();
    exchange.beforeWire(() => undefined);
    reply.hangUp();
    expect(unattended.size).toBe(1);
    exchange.json('{}');
    expect(unattended.size).toBe(1);
    appender.settle();
    expect(unattended.size).toBe(0);
  });

  it('and that is a stream is known until its end is written', () => {
    const { exchange, appender, reply, unattended } = setUp();
    exchange.beginStream(200, [], () => undefined);
    reply.hangUp();
    appender.settle();
    exchange.endStream();
    expect(unattended.size).toBe(1);
    appender.settle();
    expect([unattended.size, appender.types]).toEqual([0, ['request', 'stream_end']]);
  });

  it('and whose record fails is forgotten too', () => {
    const { exchange, appender, reply, unattended } = setUp();
    reply.hangUp();
    exchange.json('{}');
    appender.settle(new Error('disk full'));
    expect(unattended.size).toBe(0);
  });

  it('ends with its gateway: once, and the record says by what', () => {
    const { exchange, appender, reply, unattended } = setUp();
    exchange.beforeWire(() => undefined);
    reply.hangUp();
    unattended.lose('shutdown');
    unattended.lose('shutdown');
    expect(appender.lines).toMatchObject([{ decision: 'ALLOW', status: 499, code: 'gateway_fault', reason_code: 'shutdown' }]);
  });

  it('is not one that ends by the hang-up', () => {
    const { exchange, reply, unattended } = setUp();
    exchange.work = { ...NO_WORK, clientGone: () => exchange.refuse(deny('client_disconnected')) };
    exchange.beforeWire(() => undefined);
    reply.hangUp();
    expect(unattended.size).toBe(0);
  });
});
