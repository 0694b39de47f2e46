// Layer 6: Rego decides; deny on undefined, refused on a fault. Protocol housekeeping needs an identity but no rule.
import { membersText } from '../base/json/members.js';
import type { MessageReader } from '../base/workers/message-reader.js';
import { onceRead } from '../base/workers/once-read.js';
import type { Context } from '../chain/context.js';
import type { Ctx, Layer } from '../chain/layer.js';
import { CallPolicyFacts, isAnonymous } from '../chain/policy-facts.js';
import { deny, PASS, type Verdict } from '../chain/verdict.js';
import { createAnswering } from '../engines/policy/large-question.js';
import type { RegoAnswer } from '../engines/policy/rego-instance.js';
import type { PolicyClock, PolicyDecision, PolicyFacts } from '../engines/policy/types.js';
import { METHODS, needsPolicyRule, subjectOf } from '../mcp/methods.js';

const EMPTY_ARGUMENTS = '{}';
const NAMED_TIMES = 4; // members are stepped over: 64 KiB take 0.1 ms, of thousands of tiny ones 5 (measured 2026-11-29)
const NO_SUCH_METHOD = Object.freeze({ remediation: 'No version of MCP has a method of this name: is it spelled right? If a tool server of yours knows it: agw policy eval --caller ID --tool NAME --method METHOD, then add an allow rule and agw policy reload.' });

export function opaPolicy(reader: MessageReader, clock: PolicyClock): Layer<'call' | 'caller' | 'tool' | 'session', 'permission'> {
  const answering = createAnswering(clock);
  return {
    step: 6,
    name: 'opa_policy',
    onFault: deny('authz_evaluation_error', { reasonCode: 'layer_fault' }),
    decide(ctx) {
      if (isHousekeeping(ctx)) {
        ctx.permission = { reason: 'protocol housekeeping', cached: false, needed: false };
        ctx.note(6, 'no rule needed');
        return PASS;
      }
      if (isAnonymous(ctx.caller.principal)) return deny('principal_level_insufficient', { details: { role: ctx.caller.principal.role } });
      const facts = factsOf(ctx);
      return isLarge(ctx) ? onceRead(answerTo(facts, ctx, reader, answering), decided, ctx, undefined, undefined) : verdictOf(ctx.snapshot.policy.decide(facts), ctx);
    },
  };
}

/** Whether what the policies read takes so long to read that it is not read here. */
function isLarge({ call, snapshot }: PolicyCtx): boolean {
  const { readsArguments } = snapshot.policy;
  const bytes = call.argumentsTo - call.argumentsFrom;
  return readsArguments !== 'none' && bytes > snapshot.config.dlp.inline_bytes_max * (readsArguments === 'named' ? NAMED_TIMES : 1);
}

function answerTo(facts: PolicyFacts, { inbound, call, snapshot }: PolicyCtx, reader: MessageReader, answering: Answering): RegoAnswer | Promise<RegoAnswer> {
  return reader.read(answering, inbound, { question: snapshot.policy.questionOf(facts), args: { from: call.argumentsFrom, to: call.argumentsTo } }, snapshot.config.dlp.inline_bytes_max);
}

function decided(answer: RegoAnswer, ctx: PolicyCtx): Verdict {
  return verdictOf(ctx.snapshot.policy.decisionOf(answer), ctx);
}

function verdictOf(decision: PolicyDecision, ctx: PolicyCtx): Verdict {
  switch (decision.kind) {
    case 'allow':
      ctx.permission = { reason: decision.reason, cached: decision.cached, needed: true };
      if (decision.cached) ctx.note(6, 'cached');
      return PASS;
    case 'deny':
      return deny('authz_policy_denied', { details: { reason: decision.reason ?? 'no policy permits this combination', caller: ctx.caller.spiffeId, tool: subjectOf(ctx.call), method: ctx.call.method }, ...(METHODS.has(ctx.call.method) ? undefined : NO_SUCH_METHOD) });
    case 'fault':
      ctx.note(6, decision.message);
      return deny('authz_evaluation_error', { details: { fault: decision.message } });
  }
}

type PolicyCtx = Ctx<'call' | 'caller' | 'tool' | 'session', 'permission'>;
type Answering = ReturnType<typeof createAnswering>;

function isHousekeeping(ctx: PolicyCtx): boolean {
  return ctx.inbound.httpMethod !== 'POST' || !needsPolicyRule(ctx.call);
}

function factsOf(ctx: PolicyCtx): PolicyFacts {
  return new CallPolicyFacts(ctx.caller, subjectOf(ctx.call), ctx.call.method, ctx.tool === 'none' ? undefined : ctx.tool.registered, ctx.session, ctx.nowMs,
    (members) => argumentsJson(ctx, members));
}

/** The arguments' own JSON text; layer 2 has proved that it is valid UTF-8 JSON. */
export function argumentsJson(ctx: Pick<Context, 'inbound'> & { readonly call: { readonly argumentsFrom: number; readonly argumentsTo: number } }, members?: ReadonlySet<string>): string {
  const { argumentsFrom: from, argumentsTo: to } = ctx.call;
  if (from === to) return EMPTY_ARGUMENTS;
  return membersText(ctx.inbound.body, { from, to }, members);
}
