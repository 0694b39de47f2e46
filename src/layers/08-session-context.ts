// Layer 8: would this call complete an exfiltration chain? Adds the action that the exit records once the call goes out.
import type { Ctx, Layer } from '../chain/layer.js';
import { deny, PASS } from '../chain/verdict.js';
import { destinationOf } from '../engines/step-up/destinations.js';
import type { SessionAction, SessionRisk } from '../engines/session-risk/types.js';
import { argumentsJson } from './06-opa-policy.js';

type SessionCtx = Ctx<'call' | 'caller' | 'tool' | 'permission' | 'session' | 'findings', 'action'>;

export function sessionContext(risk: SessionRisk): Layer<'call' | 'caller' | 'tool' | 'permission' | 'session' | 'findings', 'action'> {
  return {
    step: 8,
    name: 'session_context',
    onFault: deny('session_unavailable_fail_closed', { reasonCode: 'layer_fault' }),
    decide(ctx) {
      const action = actionOf(ctx);
      ctx.action = action;
      if (action === 'none') return PASS;
      const judgement = risk.judge(ctx.session, action);
      switch (judgement.kind) {
        case 'pass':
          return PASS;
        case 'flag':
          ctx.flag(8, judgement.flags.join(', '));
          return PASS;
        case 'exfiltration':
          return deny('exfiltration_detected', { details: { source: judgement.source, destination: judgement.destination ?? 'unknown', tool: action.tool } });
      }
    },
  };
}

function actionOf(ctx: SessionCtx): SessionAction | 'none' {
  if (ctx.tool === 'none') return 'none';
  const { registered } = ctx.tool;
  const destination = registered.external || ctx.session.tainted ? destinationOf(argumentsJson(ctx)) : undefined;
  return {
    tool: registered.name,
    classification: registered.classification,
    // A tool that was not declared external but is given a destination outside sends data there all the same.
    external: registered.external || destination !== undefined,
    riskLevel: registered.riskLevel,
    destination,
    atMs: ctx.nowMs,
  };
}
