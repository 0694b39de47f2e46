// Who calls: the agent of the session, nobody else, and nobody unknown.
import assert from 'node:assert/strict';

const TIMES = { alpha: 24, beta: 17 };

/** What the gateway has recorded of both callers. */
const counted = async ({ gateway, agents }) => (await Promise.all(Object.values(agents).map(({ spiffeId }) => gateway.audit(spiffeId)))).map((records) => records.length);

async function refusedUnknown(context, credential) {
  const { kit, server } = context;
  const before = [await counted(context), server.calls.length];
  const refused = await kit.connect(context.adapter, credential).then(async (session) => {
    const outcome = await session.call('echo', {}).outcome;
    await session.close();
    return outcome;
  }, (refusal) => refusal);
  assert.equal(refused.kind, 'unauthorized');
  assert.deepEqual([await counted(context), server.calls.length], before);
}

export const identityCases = [
  {
    id: 'identity/forwarded', duty: 'a call carries the identity of the session\'s agent: it may do what that agent may',
    async run({ within }) {
      assert.equal((await within('beta', (session) => session.call('beta_only', {}).outcome)).kind, 'result');
      assert.equal((await within('alpha', (session) => session.call('beta_only', {}).outcome)).code, 'authz_policy_denied');
    },
  },
  {
    id: 'identity/not-mixed', duty: 'two sessions at once: each call goes out as its own agent, and is recorded so once',
    async run(context) {
      const { agents, connect, gateway, limits } = context;
      const sessions = { alpha: await connect('alpha'), beta: await connect('beta') };
      const before = await counted(context);
      const callAll = async (name) => {
        let left = TIMES[name];
        const worker = async () => {
          while (left-- > 0) {
            const outcome = await sessions[name].call('echo', { from: name, left }).outcome;
            assert.equal(JSON.parse(outcome.text).from, name);
          }
        };
        await Promise.all(Array.from({ length: limits.callsAtOnce / 2 }, worker));
      };
      await Promise.all([callAll('alpha'), callAll('beta')]);
      const after = await counted(context);
      assert.deepEqual(after.map((count, at) => count - before[at]), [TIMES.alpha, TIMES.beta]);
      for (const { spiffeId } of Object.values(agents)) assert.ok((await gateway.audit(spiffeId)).every((record) => record.spiffe_id === spiffeId));
      await Promise.all(Object.values(sessions).map((session) => session.close()));
    },
  },
  { id: 'identity/unknown', duty: 'an unknown credential is refused before the gateway sees anything', run: (context) => refusedUnknown(context, { key: 'key-of-nobody' }) },
  { id: 'identity/empty', duty: 'so is an empty one', run: (context) => refusedUnknown(context, { key: '' }) },
  { id: 'identity/the-id-itself', duty: 'an identity that is only named is none', run: (context) => refusedUnknown(context, { key: context.agents.alpha.spiffeId }) },
  {
    id: 'identity/list', duty: 'the list is what the policy allows the caller',
    async run({ within }) {
      const [alpha, beta] = [await within('alpha', (session) => session.list()), await within('beta', (session) => session.list())];
      assert.deepEqual([...beta].sort(), ['beta_only', 'echo']);
      assert.ok(alpha.length > 2 && alpha.includes('echo') && !alpha.includes('beta_only'));
    },
  },
  {
    id: 'identity/audit', duty: 'one native call, allowed or refused, is one record, with the agent\'s id and the tool\'s name',
    async run({ agents, gateway, within }) {
      const before = await gateway.audit(agents.alpha.spiffeId);
      await within('alpha', async (session) => {
        await session.list();
        for (const tool of ['echo', 'broken', 'beta_only', 'nobody_registered_this']) await session.call(tool, {}).outcome;
      });
      const records = (await gateway.audit(agents.alpha.spiffeId)).slice(before.length).filter(({ method }) => method === 'tools/list' || method === 'tools/call');
      assert.deepEqual(records.map(({ method, tool, decision }) => [method, tool ?? '', decision]), [
        ['tools/list', '', 'ALLOW'], ['tools/call', 'echo', 'ALLOW'], ['tools/call', 'broken', 'ALLOW'], ['tools/call', 'beta_only', 'DENY'], ['tools/call', 'nobody_registered_this', 'DENY'],
      ]);
    },
  },
];
