// Layer 8: would this call complete an exfiltration chain? Adds the action that the exit records once the call goes out.
import type { Ctx, Layer } from '../chain/layer.js';
import { deny, PASS, type Verdict } from '../chain/verdict.js';
import type { RegisteredTool } from '../engines/registry/types.js';
import { destinationsOf } from '../engines/step-up/destinations.js';
import type { SessionAction, SessionRisk } from '../engines/session-risk/types.js';
import { argumentsJson } from './06-opa-policy.js';

type SessionCtx = Ctx<'call' | 'caller' | 'tool' | 'permission' | 'session' | 'findings', 'action'>;

const NOWHERE: readonly string[] = [];

export function sessionContext(risk: SessionRisk): Layer<'call' | 'caller' | 'tool' | 'permission' | 'session' | 'findings', 'action'> {
  return {
    step: 8,
    name: 'session_context',
    onFault: deny('session_unavailable_fail_closed', { reasonCode: 'layer_fault' }),
    decide(ctx) {
      if (ctx.tool === 'none') {
        ctx.action = 'none';
        return PASS;
      }
      const { registered } = ctx.tool;
      const destinations = registered.external || ctx.session.tainted ? destinationsOf(argumentsJson(ctx)) : NOWHERE;
      if (destinations.length === 0) return judge(ctx, actionOf(registered, undefined, ctx.nowMs), risk);
      // One host may hide behind another: each destination is judged, the worst one is recorded.
      for (const destination of destinations) {
        const verdict = judge(ctx, actionOf(registered, destination, ctx.nowMs), risk);
        if (verdict !== PASS) return verdict;
      }
      return PASS;
    },
  };
}

function judge(ctx: SessionCtx, action: SessionAction, risk: SessionRisk): Verdict {
  if (ctx.action === undefined || ctx.action === 'none' || risk.weigh(action) > risk.weigh(ctx.action)) ctx.action = action;
  const judgement = risk.judge(ctx.session, action);
  if (judgement.kind === 'exfiltration') {
    return deny('exfiltration_detected', { details: { source: judgement.source, destination: judgement.destination ?? 'unknown', tool: action.tool } });
  }
  if (judgement.kind === 'flag') ctx.flag(8, judgement.flags.join(', '));
  return PASS;
}

function actionOf(tool: RegisteredTool, destination: string | undefined, atMs: number): SessionAction {
  return {
    tool: tool.name,
    classification: tool.classification,
    // A tool that was not declared external but is given a destination outside sends data there all the same.
    external: tool.external || destination !== undefined,
    riskLevel: tool.riskLevel,
    destination,
    atMs,
  };
}
