// What the gateway says no to: nothing of it is lost on the way back.
import assert from 'node:assert/strict';

const AWS_KEY = `AKIA${'IOSFODNN7'}ABCDEFG`;

async function refusalFor({ within }, tool, input = {}) {
  const outcome = await within('alpha', (session) => session.call(tool, input).outcome);
  assert.equal(outcome.kind, 'refusal');
  return outcome;
}

async function askedAndDecided({ within, gateway, server }, mark, ...decision) {
  return within('alpha', async (session) => {
    const outcome = await session.call('deed', { mark }).outcome;
    assert.equal(outcome.kind, 'pending');
    assert.match(outcome.requestId, /^apr-/);
    assert.equal(server.calls.filter(({ args }) => args.mark === mark).length, 0);
    const { code, output } = await gateway.agw('approvals', decision[0], outcome.requestId, '--as', 'alice', ...decision.slice(1));
    assert.equal(code, 0, output);
    return outcome.decided();
  });
}

export const refusalCases = [
  {
    id: 'refusal/whole', duty: 'a refusal carries code, message, remediation, decision id and trace id, and the decision id finds its record',
    async run(context) {
      const { code, message, remediation, decisionId, traceId, retryable } = await refusalFor(context, 'beta_only');
      assert.equal(code, 'authz_policy_denied');
      assert.equal(retryable, false);
      assert.ok(message.length > 0 && remediation.length > 0);
      const found = (await context.gateway.audit(context.agents.alpha.spiffeId)).filter((record) => record.decision_id === decisionId);
      assert.deepEqual(found.map((record) => [record.code, record.trace_id]), [['authz_policy_denied', traceId]]);
    },
  },
  { id: 'refusal/reason', duty: 'so is the reason, where the gateway gives one', run: async (context) => assert.ok((await refusalFor(context, 'beta_only')).reason.length > 0) },
  { id: 'refusal/unregistered', duty: 'a tool that nobody registered is the gateway\'s to refuse', run: async (context) => assert.match((await refusalFor(context, 'nobody_registered_this')).code, /^(registry_tool_unknown|authz_policy_denied)$/) },
  {
    id: 'refusal/credential', duty: 'a credential in the arguments is refused, and stands in no log of the adapter',
    async run(context) {
      assert.equal((await refusalFor(context, 'echo', { text: `take ${AWS_KEY}` })).code, 'dlp_credentials_detected');
      assert.ok(!context.adapter.log().includes(AWS_KEY));
    },
  },
  {
    id: 'refusal/rate-limit', duty: 'too many calls: 429\'s code, that it may be repeated, and when',
    async run({ within }) {
      const [first, second] = await within('alpha', async (session) => [await session.call('narrow', {}).outcome, await session.call('narrow', {}).outcome]);
      assert.match(first.code ?? 'none', /^(none|ratelimit_exceeded)$/); // its minute may have begun before
      assert.deepEqual([second.code, second.retryable, second.retryAfterMs > 0], ['ratelimit_exceeded', true, true]);
    },
  },
  {
    id: 'approval/approved', duty: 'a call that waits for a person is pending; approved, it runs once and its answer comes',
    async run(context) {
      const mark = context.mark('approved');
      const outcome = await askedAndDecided(context, mark, 'approve');
      assert.deepEqual([outcome.kind, JSON.parse(outcome.text)], ['result', { mark }]);
      assert.equal(context.server.calls.filter(({ args }) => args.mark === mark).length, 1);
    },
  },
  {
    id: 'approval/denied', duty: 'denied, it is refused and never runs',
    async run(context) {
      const mark = context.mark('denied');
      const outcome = await askedAndDecided(context, mark, 'deny');
      assert.deepEqual([outcome.kind, outcome.code, typeof outcome.decisionId], ['refusal', 'stepup_denied', 'string']);
      assert.equal(context.server.calls.filter(({ args }) => args.mark === mark).length, 0);
    },
  },
];
