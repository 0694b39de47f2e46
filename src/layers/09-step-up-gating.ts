// Layer 9: scores the call; what is risky is checked, what is critical needs a person's grant, which is reserved here and consumed at the wire.
import { reasonText } from '../base/errors/reasons.js';
import type { MessageReader } from '../base/workers/message-reader.js';
import { onceRead } from '../base/workers/once-read.js';
import type { Ctx, Layer } from '../chain/layer.js';
import { deny, PASS, type Verdict } from '../chain/verdict.js';
import { isSecret } from '../engines/dlp/mask.js';
import type { Guard } from '../engines/guard/types.js';
import type { RegisteredTool } from '../engines/registry/types.js';
import { chosenHosts } from '../engines/step-up/chosen-hosts.js';
import { judgeDestinations, type DestinationJudgement } from '../engines/step-up/destinations.js';
import { scoreCall } from '../engines/step-up/score.js';
import { gateOf } from '../engines/step-up/thresholds.js';
import type { ShownArguments } from '../engines/step-up/arguments-shown.js';
import type { ApprovalBinding, ReserveResult, StepUpScore } from '../engines/step-up/types.js';
import { subjectOf } from '../mcp/methods.js';
import { APPROVED_ARGUMENTS } from './approved-arguments.js';
import { judgedJson } from './judged-text.js';
import { namedHosts, sentJson } from './sent-values.js';
import { shownArguments } from './shown-arguments.js';

/** The control thread's approval store, seen from a gateway thread. */
export interface Approvals {
  reserveOrRequest(binding: ApprovalBinding, score: number, shown: ShownArguments): Promise<ReserveResult>;
}

type StepUpCtx = Ctx<'call' | 'caller' | 'mcpSession' | 'tool' | 'permission' | 'session' | 'findings' | 'action', 'stepUp'>;

const APPROVAL_RETRY_SECONDS = 5;
/** No request was opened, and nobody has denied anything. */
const PENDING_LIMIT_REACHED = Object.freeze(deny('stepup_denied', { reasonCode: 'pending_limit_reached', ...reasonText('stepup_denied', 'pending_limit_reached') }));

export function stepUpGating(approvals: Approvals, guard: Guard, reader: MessageReader): Layer<'call' | 'caller' | 'mcpSession' | 'tool' | 'permission' | 'session' | 'findings' | 'action', 'stepUp'> {
  // Of an untainted session, and with no destination, a tool's score is always the same.
  const calm = new WeakMap<RegisteredTool, StepUpScore>();
  const baseScore = (ctx: StepUpCtx, tool: RegisteredTool): StepUpScore => {
    if (ctx.session.tainted || ctx.action === 'none' || ctx.action.destination !== undefined) return scoreOf(ctx, tool, NOWHERE);
    const known = calm.get(tool) ?? scoreOf(ctx, tool, NOWHERE);
    calm.set(tool, known);
    return known;
  };
  return {
    step: 9,
    name: 'step_up_gating',
    onFault: deny('stepup_unavailable_fail_closed', { reasonCode: 'layer_fault' }),
    decide(ctx) {
      if (ctx.tool === 'none') {
        ctx.stepUp = 'none';
        return PASS;
      }
      const { registered } = ctx.tool;
      const atLeast = baseScore(ctx, registered);
      if (!mayBeLifted(ctx, registered, atLeast)) return throughGate(ctx, registered, atLeast, NOWHERE);
      return onceRead(hostsGiven(ctx, registered, reader), judgeHosts, ctx, registered, throughGate);
    },
  };

  function throughGate(ctx: StepUpCtx, registered: RegisteredTool, score: StepUpScore, where: DestinationJudgement): Verdict | Promise<Verdict> {
    const gate = gateOf(score, { toolName: registered.limitName, critical: registered.riskLevel === 'critical', requiresStepUp: registered.requiresStepUp }, ctx.snapshot.thresholds);
    ctx.stepUp = { score, grant: undefined, argumentsDigest: '' };
    ctx.note(9, `score ${score.total}`);
    switch (gate) {
      case 'pass': return PASS;
      case 'checked': return check(ctx, registered, where, guard);
      case 'approval': return askApproval(ctx, registered, score, approvals, reader);
      case 'denied': return deny('stepup_denied', { reasonCode: 'score', details: { score } });
    }
  }
}

/** Of a resource the caller chose its URI alone. */
function hostsGiven(ctx: StepUpCtx, tool: RegisteredTool, reader: MessageReader): readonly string[] | Promise<readonly string[]> {
  return tool.kind === 'resource' ? chosenHosts(ctx.call.uri, tool.name) : namedHosts(ctx, reader);
}

type ThroughGate = (ctx: StepUpCtx, tool: RegisteredTool, score: StepUpScore, where: DestinationJudgement) => Verdict | Promise<Verdict>;

function judgeHosts(hosts: readonly string[], ctx: StepUpCtx, tool: RegisteredTool, throughGate: ThroughGate): Verdict | Promise<Verdict> {
  const where = judgeDestinations(hosts, tool.allowedDestinations, ctx.snapshot.destinations);
  return throughGate(ctx, tool, scoreOf(ctx, tool, where), where);
}

const NOWHERE: DestinationJudgement = Object.freeze({ destination: undefined, destinationAllowedByTool: true, destinationAllowedGlobally: true });
const DIMENSION_MAX = 3;

/** The arguments are parsed only where a destination could lift the score over the line that passes unchecked. */
function mayBeLifted({ snapshot: { thresholds } }: StepUpCtx, tool: RegisteredTool, atLeast: StepUpScore): boolean {
  return atLeast.total + DIMENSION_MAX > (thresholds.tools.get(tool.limitName) ?? thresholds).pass;
}

function scoreOf(ctx: StepUpCtx, tool: RegisteredTool, where: DestinationJudgement): StepUpScore {
  return scoreCall({
    toolName: tool.name,
    riskLevel: tool.riskLevel,
    // Data that is given a destination leaves the tool, wherever it goes.
    external: ctx.action !== 'none' && (ctx.action.external || ctx.action.destination !== undefined),
    sessionTainted: ctx.session.tainted,
    classification: tool.classification,
    ...where,
  });
}

function check(ctx: StepUpCtx, tool: RegisteredTool, where: DestinationJudgement, guard: Guard): Verdict | Promise<Verdict> {
  if (where.destination !== undefined && !where.destinationAllowedByTool && !where.destinationAllowedGlobally) {
    return deny('stepup_destination_blocked', { details: { destination: where.destination, tool: tool.name } });
  }
  if (!guard.configured) return PASS;
  return guard.classify(judgedJson(tool.kind === 'resource' ? JSON.stringify({ uri: ctx.call.uri }) : sentJson(ctx))).then((answer) => {
    switch (answer.kind) {
      case 'benign': return PASS;
      case 'unsafe': return deny('stepup_guard_blocked', { details: { label: answer.label, score: answer.score } });
      case 'unavailable': return deny('stepup_unavailable_fail_closed', { reasonCode: 'guard_unavailable', details: { reason: answer.reason } });
    }
  });
}

async function askApproval(ctx: StepUpCtx, tool: RegisteredTool, score: StepUpScore, approvals: Approvals, reader: MessageReader): Promise<Verdict> {
  const { argumentsFrom: from, argumentsTo: to } = ctx.call;
  const secrets = ctx.findings.filter(isSecret);
  const approved = await reader.read(APPROVED_ARGUMENTS, ctx.inbound, { args: { from, to }, secrets }, ctx.snapshot.config.dlp.inline_bytes_max);
  const argumentsDigest = approved.digest;
  const binding: ApprovalBinding = {
    caller: ctx.caller.spiffeId, tool: subjectOf(ctx.call), toolHash: tool.hash, upstream: tool.upstream, argumentsDigest,
    mcpSession: ctx.mcpSessionId,
  };
  const result = await approvals.reserveOrRequest(binding, score.total, await shownArguments(approved, secrets.length > 0, ctx.snapshot.requestRules));
  switch (result.kind) {
    case 'reserved':
      ctx.stepUp = { score, grant: { requestId: result.requestId, token: result.token, approver: result.approver }, argumentsDigest };
      ctx.note(9, `score ${score.total}, approved by ${result.approver}: ${result.requestId}`);
      return PASS;
    case 'pending':
      ctx.note(9, `score ${score.total}, waits for a person: ${result.requestId}`);
      return deny('stepup_approval_required', {
        retryAfterSeconds: APPROVAL_RETRY_SECONDS,
        remediation: `Ask an approver to run: agw approvals approve ${result.requestId} — then repeat the identical call${binding.mcpSession === undefined ? '' : ' in this MCP session: a client that reconnects has another one, and its call must be approved anew'}.`,
        details: { request_id: result.requestId, command: `agw approvals approve ${result.requestId}`, expires_at: new Date(result.expiresMs).toISOString(), score },
      });
    case 'denied':
      if (result.requestId === '') return PENDING_LIMIT_REACHED;
      ctx.note(9, `score ${score.total}, denied by ${result.approver}: ${result.requestId}`);
      return deny('stepup_denied', { reasonCode: 'denied_by_approver', details: { request_id: result.requestId, approver: result.approver, ...(result.reason === undefined ? {} : { reason: result.reason }) } });
  }
}
