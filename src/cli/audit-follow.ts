// Follows the project's audit log until Ctrl-C: one mechanism for every command that shows lines as they are recorded.
import type { AuditFilter } from '../audit/reader/filter.js';
import type { AuditRecord } from '../audit/types.js';
import { withAuditDir } from './audit-log.js';
import { withInterrupt } from './interrupt.js';
import type { Project } from './project.js';

/** The newest `count` that match first, then each new one. Resolves when the person has seen enough. */
export async function followAudit(project: Project, filter: AuditFilter, count: number, show: (record: AuditRecord) => void): Promise<void> {
  const { tailAudit } = await import('../audit/reader/tail.js');
  await withInterrupt((signal) => withAuditDir(project, (dir) => tailAudit(dir, { filter, count }, show, signal)));
}
