// The grant of an approval at the exit: consumed before the wire, given back where it never came there, owed a line until its call has one.
import { describe, expect, it } from 'vitest';
import { deny } from '../../../src/chain/verdict.js';
import { configOf } from './contexts.js';
import { setUp, turns, withGrant } from './exchange-fixture.js';

describe('the grant of an approval', () => {
  it('is consumed before the wire', async () => {
    const { exchange, done } = setUp(withGrant({ snapshot: { config: configOf('audit: {intent: none}') } }));
    exchange.beforeWire(() => void done.push('wire'));
    expect(done).toEqual(['consume req-1 tok-1']);
    await turns();
    expect(done).toEqual(['consume req-1 tok-1', 'wire']);
  });

  it('and its intent are both durable before the wire', async () => {
    const { exchange, appender, done } = setUp(withGrant());
    exchange.beforeWire(() => void done.push('wire'));
    await turns();
    expect([appender.types, done]).toEqual([['intent'], ['consume req-1 tok-1']]);
    appender.settle();
    expect(done.at(-1)).toBe('wire');
  });

  it('is given back when a layer behind it refuses', () => {
    const { exchange, done } = setUp(withGrant());
    exchange.refuse(deny('ratelimit_exceeded'));
    expect(done).toEqual(['release req-1 tok-1']);
  });

  it.each([['lost', false, 'stepup_denied'], ['of unknown fate', new Error('the store is gone'), 'stepup_unavailable_fail_closed']] as const)('that is %s stops the call and is not given back', async (_what, consumes, code) => {
    const { exchange, appender, done, state } = setUp(withGrant());
    state.consumes = consumes;
    exchange.beforeWire(() => void done.push('wire'));
    await turns();
    expect(done).toEqual(['consume req-1 tok-1']);
    expect(appender.lines).toMatchObject([{ type: 'request', decision: 'DENY', code }]);
  });

  it('is not given back once consumed, though the intent fails', async () => {
    const { exchange, appender, done, reply } = setUp(withGrant());
    exchange.beforeWire(() => void done.push('wire'));
    await turns();
    appender.settle(new Error('disk full'));
    appender.settle();
    expect([done, reply.code]).toEqual([['consume req-1 tok-1', 'recorded req-1'], 'audit_unavailable_fail_closed']);
  });

  it('is not given back when the tool server fails', async () => {
    const { exchange, appender, done } = setUp(withGrant());
    exchange.beforeWire(() => exchange.refuse(deny('mcp_transport_failed')));
    await turns();
    appender.settle();
    expect(done).toEqual(['consume req-1 tok-1']);
    appender.settle();
    expect(done).toEqual(['consume req-1 tok-1', 'recorded req-1']);
  });

  it('is owed a line while its call has none', async () => {
    const { exchange, appender, done } = setUp(withGrant({ snapshot: { config: configOf('audit: {intent: none}') } }));
    exchange.beforeWire(() => exchange.json('{}'));
    await turns();
    appender.settle(new Error('disk full'));
    expect(done).toEqual(['consume req-1 tok-1']);
  });
});
