// Check of the audit log: do its newest lines still link up? The whole chain is `agw audit verify`.
import { existsSync } from 'node:fs';
import { auditDir } from '../audit-log.js';
import { verifyNewest } from '../audit-verify.js';
import type { Project } from '../project.js';
import { bad, note, ok, type CheckResult } from './check.js';

const LINES_CHECKED = 1_000; // milliseconds, not minutes

export async function checkAuditChain(project: Project): Promise<CheckResult[]> {
  const dir = await auditDir(project);
  if (!existsSync(dir)) return [note('audit chain', `${dir} is not there yet`, 'It begins with the first start: make up')];
  const result = await verifyNewest(project, LINES_CHECKED);
  if (result === undefined) return [ok('audit chain', 'no line yet')];
  if (result.kind === 'intact') return [ok('audit chain', `the newest ${result.lines} lines link up`)];
  return [bad('audit chain', `${result.file}, seq ${result.seq ?? '?'}, byte ${result.byte}: ${result.problem} (${result.detail})`, 'See all of it: agw audit verify. Keep the file as evidence.')];
}
