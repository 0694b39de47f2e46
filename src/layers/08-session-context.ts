// Layer 8: would this call complete an exfiltration chain? Adds the action that the exit records once the call goes out.
import type { MessageReader } from '../base/workers/message-reader.js';
import { onceRead } from '../base/workers/once-read.js';
import type { Ctx, Layer } from '../chain/layer.js';
import { deny, PASS, type Verdict } from '../chain/verdict.js';
import type { RegisteredTool } from '../engines/registry/types.js';
import { destinationsAnywhere, destinationsOf } from '../engines/step-up/destinations.js';
import type { SessionAction, SessionRisk } from '../engines/session-risk/types.js';
import { hostsAnywhere, namedHosts } from './sent-values.js';

type SessionCtx = Ctx<'call' | 'caller' | 'tool' | 'permission' | 'session' | 'findings', 'action'>;

const NOWHERE: readonly string[] = [];

export function sessionContext(risk: SessionRisk, reader: MessageReader): Layer<'call' | 'caller' | 'tool' | 'permission' | 'session' | 'findings', 'action'> {
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
      return onceRead(destinationsIn(ctx, registered, reader), judge, ctx, registered, risk);
    },
  };
}

/** Only where they count: who is not tainted may send, and a tool that is declared external sends out in any case, so that its destination is for the record. */
function destinationsIn(ctx: SessionCtx, tool: RegisteredTool, reader: MessageReader): readonly string[] | Promise<readonly string[]> {
  if (!tool.external && !ctx.session.tainted) return NOWHERE;
  if (tool.kind === 'resource') return hostsOfUri(ctx.call.uri, tool);
  return tool.external ? namedHosts(ctx, reader) : hostsAnywhere(ctx, reader);
}

/** Of a resource the caller chose its URI alone, and only where the entry stands for many. */
function hostsOfUri(uri: string, tool: RegisteredTool): readonly string[] {
  if (uri === tool.name) return NOWHERE;
  const json = JSON.stringify({ uri });
  return tool.external ? destinationsOf(json) : destinationsAnywhere(json);
}

function judge(hosts: readonly string[], ctx: SessionCtx, tool: RegisteredTool, risk: SessionRisk): Verdict {
  // One host may hide behind another: the one that is outside is judged and recorded.
  const action = actionOf(tool, risk.outermost(hosts), ctx.nowMs);
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
