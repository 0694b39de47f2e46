// Layer 10: the guard model judges what layer 7 flagged as a possible injection.
import type { Layer } from '../chain/layer.js';
import { deny, PASS } from '../chain/verdict.js';
import type { Guard } from '../engines/guard/types.js';
import { argumentsJson } from './06-opa-policy.js';

export function deepScan(guard: Guard): Layer<'call' | 'findings', 'guard'> {
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
      if (!ctx.findings.some((finding) => finding.category === 'injection')) return PASS;
      return guard.classify(argumentsJson(ctx)).then((answer) => {
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
