// Layer 4: opens the record; nothing goes on while the audit log can't promise to keep it.
import type { AuditAppender } from '../audit/types.js';
import type { Layer } from '../chain/layer.js';
import { deny, PASS } from '../chain/verdict.js';

export function auditLog(appender: AuditAppender): Layer<'call' | 'caller', 'recordOpen'> {
  return {
    step: 4,
    name: 'audit_log',
    onFault: deny('audit_unavailable_fail_closed', { reasonCode: 'layer_fault' }),
    decide(ctx) {
      if (!appender.healthy) return deny('audit_unavailable_fail_closed', { reasonCode: appender.because });
      ctx.recordOpen = true;
      return PASS;
    },
  };
}
