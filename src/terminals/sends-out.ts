// What a client tells a tool server beside its calls, judged as its calls are: who holds classified data must not hand it to a server that sends out.
import type { Context } from '../chain/context.js';
import { deny, type Deny } from '../chain/verdict.js';
import type { RegisteredTool } from '../engines/registry/types.js';
import type { SessionView } from '../engines/session-risk/types.js';
import { destinationsAnywhere, destinationsOf, judgeDestinations } from '../engines/step-up/destinations.js';
import { scoreCall } from '../engines/step-up/score.js';
import { gateOf } from '../engines/step-up/thresholds.js';
import type { TerminalServices } from './services.js';

export function serverSendsOut({ snapshot: { registry } }: Context, url: string): boolean {
  return registry.sendingOut.has(url);
}

/** `tool`: undefined = the message names none. */
export function exfiltration({ taintSource }: Pick<SessionView, 'taintSource'>, tool: string | undefined, destination: string): Deny {
  return deny('exfiltration_detected', { details: { source: taintSource ?? 'unknown', destination, tool: tool ?? 'none' } });
}

/** `none`: the server's own state goes back to it, and nothing of the client's. */
type Answers = 'none' | 'to_come' | { readonly json: string };

/** A call that is sent again with the client's answers, as layers 8 and 9 would judge it; undefined = it may go. */
export function judgeRepetition(ctx: Context, url: string, answers: Answers, services: TerminalServices): Deny | undefined {
  const tool = ctx.tool === undefined || ctx.tool === 'none' ? undefined : ctx.tool.registered;
  const approved = ctx.stepUp !== undefined && ctx.stepUp !== 'none' && ctx.stepUp.grant !== undefined;
  // The grant was for the call without them, and is used up.
  if (approved || tool?.requiresStepUp === true) return needsApproval();
  if (answers === 'none') return undefined;
  const view = services.sessionRisk.load(ctx.caller?.spiffeId ?? '', ctx.mcpSessionId, services.nowMs());
  if (tool === undefined) return view.tainted && serverSendsOut(ctx, url) ? exfiltration(view, undefined, url) : undefined;
  const json = answers === 'to_come' ? '{}' : answers.json;
  const destination = services.sessionRisk.outermost(tool.external ? destinationsOf(json) : destinationsAnywhere(json));
  const { name, classification, external, riskLevel } = tool;
  const judgement = services.sessionRisk.judge(view, { tool: name, classification, external, riskLevel, destination, atMs: services.nowMs() });
  if (judgement.kind === 'exfiltration') return exfiltration(view, name, judgement.destination ?? 'unknown');
  return answers === 'to_come' ? undefined : scoreAnswers(ctx, tool, json, view.tainted);
}

function scoreAnswers({ snapshot }: Context, tool: RegisteredTool, answers: string, sessionTainted: boolean): Deny | undefined {
  const where = judgeDestinations(destinationsOf(answers), tool.allowedDestinations, snapshot.destinations);
  const { riskLevel, classification } = tool;
  const score = scoreCall({ toolName: tool.name, riskLevel, external: tool.external || where.destination !== undefined, sessionTainted, classification, ...where });
  switch (gateOf(score, { toolName: tool.limitName, critical: riskLevel === 'critical', requiresStepUp: tool.requiresStepUp }, snapshot.thresholds)) {
    case 'pass': return undefined;
    case 'checked': return where.destination !== undefined && !where.destinationAllowedByTool && !where.destinationAllowedGlobally ? deny('stepup_destination_blocked', { details: { destination: where.destination, tool: tool.name } }) : undefined;
    case 'approval': return needsApproval();
    case 'denied': return deny('stepup_denied', { reasonCode: 'score', details: { score } });
  }
}

function needsApproval(): Deny {
  return deny('stepup_approval_required', {
    reasonCode: 'answers_not_approved', message: 'The tool server asks for input, and a call with answers must be approved together with them.',
    remediation: 'Call with all that the tool needs in its arguments, or with a client of 2026-07-28, whose repeated call can be approved.',
  });
}
