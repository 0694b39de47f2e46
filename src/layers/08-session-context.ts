// Layer 8: would this call complete an exfiltration chain? Adds the action that the exit records once the call goes out.
import type { Ctx, Layer } from '../chain/layer.js';
import { deny, PASS, type Verdict } from '../chain/verdict.js';
import type { RegisteredTool } from '../engines/registry/types.js';
import { destinationsAnywhere, destinationsOf } from '../engines/step-up/destinations.js';
import type { SessionAction, SessionRisk } from '../engines/session-risk/types.js';
import { sentJson } from './sent-values.js';

type SessionCtx = Ctx<'call' | 'caller' | 'tool' | 'permission' | 'session' | 'findings', 'action'>;

const NOWHERE: readonly string[] = [];
const NOTHING = '{}';

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
      // One host may hide behind another: the one that is outside is judged and recorded.
      return judge(ctx, actionOf(registered, risk.outermost(destinationsIn(ctx, registered)), ctx.nowMs), risk);
    },
  };
}

/** Only where they count: who is not tainted may send, and a tool that is declared external sends out in any case, so that its destination is for the record. */
function destinationsIn(ctx: SessionCtx, tool: RegisteredTool): readonly string[] {
  if (tool.external) return destinationsOf(writtenBy(ctx, tool));
  return ctx.session.tainted ? destinationsAnywhere(writtenBy(ctx, tool)) : NOWHERE;
}

/** What the caller chose: the arguments, or the URI where the entry stands for many. */
function writtenBy(ctx: SessionCtx, tool: RegisteredTool): string {
  if (tool.kind !== 'resource') return sentJson(ctx);
  return ctx.call.uri === tool.name ? NOTHING : JSON.stringify({ uri: ctx.call.uri });
}

function judge(ctx: SessionCtx, action: SessionAction, risk: SessionRisk): Verdict {
  ctx.action = action;
  const judgement = risk.judge(ctx.session, action);
  if (judgement.kind === 'exfiltration') {
    return deny('exfiltration_detected', { details: { source: judgement.source, destination: judgement.destination ?? 'unknown', tool: action.tool } });
  }
  if (judgement.kind === 'flag') ctx.flag(8, judgement.flags.join(', '));
  return PASS;
}

function actionOf(tool: RegisteredTool, destination: string | undefined, atMs: number): SessionAction {
  return { tool: tool.name, classification: tool.classification, external: tool.external, riskLevel: tool.riskLevel, destination, atMs };
}
