// Layer 8: would this call complete an exfiltration chain? Adds the action that the exit records once the call goes out.
import type { Ctx, Layer } from '../chain/layer.js';
import { deny, PASS } from '../chain/verdict.js';
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
      // One host may hide behind another: each destination is judged, the worst one is recorded.
      const actions = actionsOf(ctx, ctx.tool.registered);
      for (const action of actions) {
        if (ctx.action === undefined || ctx.action === 'none' || risk.weigh(action) > risk.weigh(ctx.action)) ctx.action = action;
        const judgement = risk.judge(ctx.session, action);
        if (judgement.kind === 'exfiltration') {
          return deny('exfiltration_detected', { details: { source: judgement.source, destination: judgement.destination ?? 'unknown', tool: action.tool } });
        }
        if (judgement.kind === 'flag') ctx.flag(8, judgement.flags.join(', '));
      }
      return PASS;
    },
  };
}

function actionsOf(ctx: SessionCtx, tool: RegisteredTool): readonly SessionAction[] {
  const destinations = tool.external || ctx.session.tainted ? destinationsOf(argumentsJson(ctx)) : NOWHERE;
  const action = (destination: string | undefined): SessionAction => ({
    tool: tool.name,
    classification: tool.classification,
    // A tool that was not declared external but is given a destination outside sends data there all the same.
    external: tool.external || destination !== undefined,
    riskLevel: tool.riskLevel,
    destination,
    atMs: ctx.nowMs,
  });
  return destinations.length === 0 ? [action(undefined)] : destinations.map(action);
}
