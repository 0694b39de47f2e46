// Layer 4: no promise to keep the record, no decision.
import { describe, expect, it } from 'vitest';
import { PASS } from '../../../src/chain/verdict.js';
import { auditLog } from '../../../src/layers/04-audit-log.js';
import { WithheldAppender } from '../../support/withheld-appender.js';
import { contextOf } from '../chain/contexts.js';

describe('the audit layer', () => {
  it('opens the record and writes nothing yet', () => {
    const appender = new WithheldAppender();
    const ctx = contextOf('{}');
    ctx.recordOpen = undefined;
    expect([auditLog(appender).decide(ctx as never), ctx.recordOpen, appender.lines]).toEqual([PASS, true, []]);
  });

  it('refuses while the log fails, with its reason', () => {
    const appender = new WithheldAppender();
    Object.assign(appender, { healthy: false, because: 'no space left' });
    const ctx = contextOf('{}');
    ctx.recordOpen = undefined;
    expect(auditLog(appender).decide(ctx as never)).toMatchObject({ code: 'audit_unavailable_fail_closed', reasonCode: 'no space left' });
    expect(ctx.recordOpen).toBeUndefined();
  });
});
