// Slow readers, lost connections, limits and changes: what is bounded, and what is not lost.
import assert from 'node:assert/strict';

const FLOOD = { events: 800, bytes: 65_536 }; // 52 MB: above what gateway, adapter and the sockets' buffers between them hold, which a kernel may let grow to some megabytes each
const HELD_SHARE_MAX = 0.75;
const MEANWHILE = 20;
const COUNT_TO = 30;

export const flowCases = [
  {
    id: 'flow/back-pressure', duty: 'who reads slowly slows the tool server; other sessions go on; then everything comes, in order',
    async run({ connect, within, server, until }) {
      const session = await connect('alpha');
      const seen = [];
      server.flood.written = 0;
      session.stopReading();
      const call = session.call('flood', FLOOD, { onEvent: ({ done }) => void seen.push(done) });
      await until('the tool server has to wait', () => server.flood.blocked);
      const whole = FLOOD.events * FLOOD.bytes;
      let before = -1;
      await until('it waits for good', async () => {
        const stands = server.flood.blocked && server.flood.written === before;
        before = server.flood.written;
        for (let n = 0; n < MEANWHILE && !stands; n++) assert.equal((await within('beta', (other) => other.call('echo', {}).outcome)).kind, 'result');
        return stands;
      });
      assert.ok(server.flood.written < whole * HELD_SHARE_MAX, `${server.flood.written} of ${whole} bytes were taken for a client that reads nothing`);
      session.read();
      assert.equal((await call.outcome).text, 'that was all');
      assert.deepEqual(seen, Array.from({ length: FLOOD.events }, (_, at) => at + 1));
      await session.close();
    },
  },
  {
    id: 'flow/resume', needs: 'resume', duty: 'a connection that is lost and comes back loses no event and no answer, and nothing runs twice',
    async run({ connect, server, until, mark }) {
      const session = await connect('alpha');
      const seen = [];
      const [across, whileLost] = [mark('across'), mark('while-lost')];
      const held = session.call('hold', { mark: across });
      await until('it runs', () => server.isHeld(across));
      const counting = session.call('count', { to: COUNT_TO }, { onEvent: ({ done }) => {
        seen.push(done);
        if (done === COUNT_TO / 2) session.loseConnection();
      } });
      assert.equal((await counting.outcome).text, `counted to ${COUNT_TO}`);
      assert.deepEqual(seen, Array.from({ length: COUNT_TO }, (_, at) => at + 1));
      session.loseConnection();
      server.release(across);
      const sentWhileLost = session.call('echo', { mark: whileLost });
      assert.equal((await held.outcome).text, `let go ${across}`);
      assert.equal((await sentWhileLost.outcome).kind, 'result');
      for (const one of [across, whileLost]) assert.equal(server.calls.filter(({ args }) => args.mark === one).length, 1);
      await session.close();
    },
  },
  {
    id: 'flow/malformed', duty: 'what is not the protocol is answered as an error, reaches nobody, and ends nobody else\'s work',
    async run({ connect, agents, gateway, kit, adapter }) {
      const before = (await gateway.audit(agents.alpha.spiffeId)).filter(({ method }) => method.startsWith('tools/')).length;
      const session = await connect('alpha');
      for (const [what, send] of Object.entries(session.malformed)) assert.equal((await send()).kind, 'refusal', `${kit.name}: ${what}`);
      await session.close();
      assert.equal((await gateway.audit(agents.alpha.spiffeId)).filter(({ method }) => method.startsWith('tools/')).length, before);
      const again = await kit.connect(adapter, agents.alpha);
      assert.equal((await again.call('echo', {}).outcome).kind, 'result');
      await again.close();
    },
  },
  {
    id: 'limit/input', duty: 'an input above the limit does not reach the gateway',
    async run({ connect, server, limits }) {
      const session = await connect('alpha');
      const outcome = await session.call('echo', { mark: 'too-large', text: 'x'.repeat(limits.inputBytes) }).outcome.catch((error) => ({ kind: 'cut', error }));
      assert.ok(['refusal', 'cut'].includes(outcome.kind), JSON.stringify(outcome));
      assert.equal(server.calls.filter(({ args }) => args.mark === 'too-large').length, 0);
      await session.close();
    },
  },
  {
    id: 'limit/at-once', duty: 'calls above the limit are refused as too many, at once, and may be repeated; those under way go on',
    async run({ within, server, until, limits, mark }) {
      await within('alpha', async (session) => {
        const marks = Array.from({ length: limits.callsAtOnce }, () => mark('many'));
        const calls = marks.map((one) => session.call('hold', { mark: one }));
        await until('all of them run', () => marks.every((one) => server.isHeld(one)));
        const refused = await session.call('echo', {}).outcome;
        assert.deepEqual([refused.kind, refused.retryable], ['refusal', true]);
        for (const one of marks) server.release(one);
        for (const { outcome } of calls) assert.equal((await outcome).kind, 'result');
        assert.equal((await session.call('echo', {}).outcome).kind, 'result');
      });
    },
  },
  {
    id: 'flow/catalogue', needs: 'catalogue', duty: 'a change of the tools is told, and the list is the new one',
    async run({ within, gateway, until }) {
      let told = 0;
      await within('alpha', async (session) => {
        assert.ok((await session.list()).includes('data'));
        await until('the gateway can tell', async () => (await gateway.audit('spiffe://poc.local/agents/mcp-client/alpha/dev', '--method', 'subscriptions/listen')).length > 0);
        await gateway.register('data');
        await until('the change is told', () => told > 0);
        assert.ok(!(await session.list()).includes('data'));
        await gateway.register();
      }, { onCatalogueChange: () => { told++; } });
    },
  },
];
