// The text an approver signs: everything a decision is about, in one unambiguous form.
import type { ApprovalRequest } from './types.js';

/** Says what kind of signature this is, so that it can never stand for another. */
const DOMAIN = 'precinct-approval-decision-v1';

/** A JSON array of strings and numbers in fixed order: the same on every machine, and no field can run into the next. */
export function decisionText(request: ApprovalRequest, decision: 'approve' | 'deny'): string {
  return JSON.stringify([
    DOMAIN,
    decision,
    request.id,
    request.caller,
    request.tool,
    request.toolHash,
    request.upstream,
    request.argumentsDigest,
    request.mcpSession ?? null,
    request.score,
    request.createdMs,
    request.expiresMs,
  ]);
}
