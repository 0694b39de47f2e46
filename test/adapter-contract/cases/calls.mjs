// A call: its arguments, its answer, what happens on the way, and its end before time.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

const ODD = { text: 'ä€😀 "quoted" \\ \u2028', nested: { list: [1, -2.5, 1e21, true, null, [], {}], '': 'empty name' }, __proto__x: 'plain', zero: 0 };
const COUNT_TO = 20;
const SPAN = '00f067aa0ba902b7';
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
/** W3C Trace Context, section 3.2.2: whoever gets one of these begins a new trace. */
const NO_TRACEPARENTS = ['none', `00-${TRACE}-${SPAN}`, `00-${TRACE.toUpperCase()}-${SPAN}-01`, `ff-${TRACE}-${SPAN}-01`, `00-${TRACE}-${'0'.repeat(16)}-01`, `00-${'0'.repeat(32)}-${SPAN}-01`];

export const callCases = [
  { id: 'call/result', duty: 'a tool\'s answer comes back as the answer', run: async ({ within }) => assert.deepEqual(await within('alpha', async (session) => JSON.parse((await session.call('echo', { text: 'hello' }).outcome).text)), { text: 'hello' }) },
  { id: 'call/arguments', duty: 'arguments reach the tool unchanged', run: async ({ within }) => assert.deepEqual(await within('alpha', async (session) => JSON.parse((await session.call('echo', ODD).outcome).text)), ODD) },
  { id: 'call/no-arguments', duty: 'no arguments are an empty object', run: async ({ within }) => assert.equal((await within('alpha', (session) => session.call('echo', {}).outcome)).text, '{}') },
  { id: 'call/data', duty: 'structured answers keep their structure', run: async ({ within }) => assert.deepEqual((await within('alpha', (session) => session.call('data', {}).outcome)).data, { answer: 42, list: [1, 'two', null] }) },
  {
    id: 'call/tool-error', duty: 'a tool\'s own error stays a tool\'s error: no refusal, no success',
    async run({ within }) {
      const outcome = await within('alpha', (session) => session.call('broken', {}).outcome);
      assert.deepEqual([outcome.kind, outcome.isError, outcome.text], ['result', true, 'it broke']);
    },
  },
  {
    id: 'call/protocol-error', duty: 'a tool server\'s protocol error is an error with its text',
    async run({ within }) {
      const outcome = await within('alpha', (session) => session.call('picky', { any: 1 }).outcome);
      assert.deepEqual([outcome.kind, outcome.message, outcome.retryable], ['refusal', 'These arguments are not to my taste.', false]);
    },
  },
  {
    id: 'call/pages', duty: 'a list in small pages has everything once',
    async run({ within }) {
      const [whole, paged] = await within('alpha', async (session) => [await session.list(), await session.list(2)]);
      assert.ok(whole.length > 4);
      assert.deepEqual([...paged].sort(), [...whole].sort());
    },
  },
  {
    id: 'call/progress', duty: 'progress comes as events, in order, each before the answer',
    async run({ within }) {
      const seen = [];
      const outcome = await within('alpha', (session) => session.call('count', { to: COUNT_TO }, { onEvent: ({ done, total, note }) => void seen.push([done, total, note]) }).outcome);
      assert.equal(outcome.text, `counted to ${COUNT_TO}`);
      assert.deepEqual(seen, Array.from({ length: COUNT_TO }, (_, at) => [at + 1, COUNT_TO, `number ${at + 1}`]));
    },
  },
  {
    id: 'call/at-once', duty: 'calls of a session run side by side, and each gets its own answer',
    async run({ within, server, until, mark }) {
      await within('alpha', async (session) => {
        const marks = ['one', 'two', 'three'].map(mark);
        const calls = marks.map((one) => session.call('hold', { mark: one }));
        await until('all of them run', () => marks.every((one) => server.isHeld(one)));
        for (const one of [...marks].reverse()) server.release(one);
        assert.deepEqual((await Promise.all(calls.map(({ outcome }) => outcome))).map(({ text }) => text), marks.map((one) => `let go ${one}`));
      });
    },
  },
  {
    id: 'call/cancel', duty: 'cancelling reaches the tool server, and the session goes on',
    async run({ within, server, until, mark }) {
      await within('alpha', async (session) => {
        const cancelled = mark('cancelled');
        const call = session.call('hold', { mark: cancelled }, { onEvent: () => undefined });
        await until('it runs', () => server.isHeld(cancelled));
        await call.cancel();
        assert.equal((await call.outcome).kind, 'cancelled');
        await until('the tool server is told', () => server.hangUps.includes(cancelled));
        assert.equal((await session.call('echo', {}).outcome).kind, 'result');
      });
    },
  },
  {
    id: 'call/trace', needs: 'trace', duty: 'a call goes on in its client\'s trace (W3C), whose id answer, refusal and record have; what is no traceparent is not passed on',
    async run({ within, gateway, agents }) {
      const traces = Array.from({ length: 6 }, () => randomBytes(16).toString('hex'));
      const [told, fresh] = await within('alpha', async (session) => {
        const traceOf = async (tool, traceparent) => (await session.call(tool, {}, { traceparent }).outcome).traceId;
        const goingOn = traces.map((id, at) => traceOf(at % 2 === 0 ? 'echo' : 'beta_only', `00-${id}-${SPAN}-01`));
        return [await Promise.all(goingOn), await Promise.all(NO_TRACEPARENTS.map((text) => traceOf('echo', text)))];
      });
      assert.deepEqual(told, traces);
      assert.ok(!fresh.includes(TRACE) && !fresh.includes('0'.repeat(32)), fresh.join());
      const recorded = (await gateway.audit(agents.alpha.spiffeId)).filter(({ method }) => method === 'tools/call').map((record) => record.trace_id);
      for (const id of [...told, ...fresh]) assert.equal(recorded.filter((one) => one === id).length, 1, id);
    },
  },
  {
    id: 'call/closed-session', duty: 'a session that is closed leaves no call running',
    async run({ connect, server, until, mark }) {
      const left = mark('left');
      const session = await connect('alpha');
      const call = session.call('hold', { mark: left });
      void call.outcome.catch(() => undefined);
      await until('it runs', () => server.isHeld(left));
      await Promise.race([Promise.resolve(call.cancel()), session.close()]);
      await session.close();
      await until('the tool server is told', () => server.hangUps.includes(left));
    },
  },
];
