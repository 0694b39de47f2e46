// The chain of the project's own audit log: whole, or its newest lines.
import * as reader from '../audit/reader/verify.js';
import type { VerifyResult } from '../audit/types.js';
import { withAuditDir } from './audit-log.js';
import type { Project } from './project.js';

export function verifyAudit(project: Project): Promise<VerifyResult> {
  return withAuditDir(project, (dir) => reader.verifyAudit(dir));
}

/** Undefined when there is no line. */
export function verifyNewest(project: Project, count: number): Promise<VerifyResult | undefined> {
  return withAuditDir(project, (dir) => reader.verifyNewest(dir, count));
}
