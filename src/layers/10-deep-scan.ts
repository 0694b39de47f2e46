// Layer 10: the guard model judges what layer 7 flagged as a possible injection.
import { loadSurvey, type Survey } from '../base/text/survey.js';
import type { Layer } from '../chain/layer.js';
import { deny, PASS } from '../chain/verdict.js';
import type { Guard } from '../engines/guard/types.js';
import type { LocatedFinding } from '../engines/dlp/types.js';
import { argumentsJson } from './06-opa-policy.js';
import { judgedJson, withReadings } from './judged-text.js';

const ARGUMENTS_PATH = /^\$\.params\.arguments(?:$|[.[])/;

export function deepScan(guard: Guard): Layer<'call' | 'findings', 'guard'> {
  const survey = loadSurvey();
  return {
    step: 10,
    name: 'deep_scan',
    onFault: deny('deepscan_unavailable_fail_closed', { reasonCode: 'layer_fault' }),
    decide(ctx) {
      ctx.guard = 'not_asked';
      if (!guard.configured) {
        ctx.skip(10, 'no guard configured');
        return PASS;
      }
      const injections = ctx.findings.filter((finding) => finding.category === 'injection');
      if (injections.length === 0) return PASS;
      return guard.classify(textToJudge(ctx, injections, survey)).then((answer) => {
        ctx.guard = answer;
        switch (answer.kind) {
          case 'benign': return PASS;
          case 'unsafe': return deny('deepscan_blocked', { details: { label: answer.label, score: answer.score } });
          case 'unavailable': return deny('deepscan_unavailable_fail_closed', { reasonCode: 'guard_unavailable', details: { reason: answer.reason } });
        }
      });
    },
  };
}

/** The arguments, unless something was flagged outside them: then all that the caller wrote. And what is encoded in it, so that the guard sees what layer 7 saw. */
function textToJudge(ctx: Parameters<typeof argumentsJson>[0], flagged: readonly LocatedFinding[], survey: Survey): string {
  return withReadings(flagged.every((finding) => ARGUMENTS_PATH.test(finding.path)) ? judgedJson(argumentsJson(ctx)) : wholeText(ctx), flagged, survey);
}

function wholeText({ inbound: { body, headers } }: Parameters<typeof argumentsJson>[0]): string {
  const { forwarded, tracestate, lastEventId, mcpName } = headers;
  const message = judgedJson(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
  return [message, ...forwarded.map(([, value]) => value), tracestate, lastEventId, mcpName].filter((part) => part !== '').join('\n');
}
