// The gateway goes and comes back, keys are revoked, the adapter stops. These restart things, and come last.
import assert from 'node:assert/strict';

export const faultCases = [
  {
    id: 'fault/gateway-down', duty: 'without the gateway nothing runs, which is said so that it may be repeated; when it is back the same session works',
    async run({ connect, gateway }) {
      const session = await connect('alpha');
      assert.equal((await session.call('echo', {}).outcome).kind, 'result');
      await gateway.down();
      const refused = await session.call('echo', {}).outcome;
      assert.deepEqual([refused.kind, refused.retryable, typeof refused.code], ['refusal', true, 'string']);
      await gateway.up();
      assert.equal((await session.call('echo', {}).outcome).kind, 'result');
      await session.close();
    },
  },
  {
    id: 'fault/gateway-lost', duty: 'a call that was under way when the gateway went may have run, and is not called repeatable',
    async run({ connect, gateway, server, until, mark }) {
      const session = await connect('alpha');
      const lost = mark('lost');
      const call = session.call('hold', { mark: lost });
      await until('it runs', () => server.isHeld(lost));
      const down = gateway.down();
      const outcome = await call.outcome;
      assert.deepEqual([outcome.kind, outcome.retryable], ['refusal', false], JSON.stringify(outcome));
      await down;
      await gateway.up();
      assert.equal((await session.call('echo', {}).outcome).kind, 'result');
      await session.close();
    },
  },
  {
    id: 'fault/revoked', needs: 'revoke', duty: 'a credential that is taken back is refused, also in a session that is open',
    async run({ connect, adapter, agents, kit }) {
      const session = await connect('beta');
      adapter.knowOnly(agents.alpha);
      const outcome = await session.call('echo', {}).outcome.catch((refusal) => refusal);
      assert.equal(outcome.kind, 'unauthorized');
      adapter.knowOnly(...Object.values(agents));
      const again = await kit.connect(adapter, agents.beta);
      assert.equal((await again.call('echo', {}).outcome).kind, 'result');
      await again.close();
      await Promise.resolve(session.close()).catch(() => undefined);
    },
  },
  {
    id: 'fault/stop', duty: 'an adapter that is told to stop lets what is under way end, takes nothing new, and ends with 0',
    async run(context) {
      const { connect, server, until, mark } = context;
      const session = await connect('alpha');
      const atTheEnd = mark('at-the-end');
      const call = session.call('hold', { mark: atTheEnd });
      await until('it runs', () => server.isHeld(atTheEnd));
      const stopped = context.restartAdapter();
      await until('it takes nothing new', async () => (await session.call('echo', {}).outcome.catch(() => ({ kind: 'cut' }))).kind !== 'result');
      server.release(atTheEnd);
      assert.equal((await call.outcome).text, `let go ${atTheEnd}`);
      assert.equal(await stopped, 0);
      await session.close();
    },
  },
  {
    id: 'log/clean', duty: 'the adapter\'s log has no credential and no argument',
    async run({ within, adapter, agents }) {
      const mark = 'must-not-be-logged';
      await within('alpha', (session) => session.call('echo', { text: mark }).outcome);
      for (const secret of [mark, agents.alpha.key, agents.beta.key]) assert.ok(!adapter.log().includes(secret));
    },
  },
  { id: 'audit/whole', duty: 'after all of it the gateway\'s log is whole', run: ({ gateway }) => gateway.verify() },
];
