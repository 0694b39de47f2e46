// Where the project's audit log is, and what to say when there is none. The reading itself is audit/reader's.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { AuditLogMissing } from '../audit/reader/filter.js';
import { CliFailure } from './failure.js';
import type { Project } from './project.js';

export async function auditDir(project: Project): Promise<string> {
  try {
    const { audit } = await project.config();
    return audit.dir === '' ? join(project.stateDir, 'audit') : project.path(audit.dir);
  } catch {
    return join(project.stateDir, 'audit'); // evidence must be readable while the config is being repaired
  }
}

export async function withAuditDir<T>(project: Project, read: (dir: string) => Promise<T>): Promise<T> {
  if (project.otherGateway !== undefined) throw new CliFailure(`the log is read from the project's folder: --gateway ${project.otherGateway} can't be asked for it.`, { remedy: 'Name the other project by its config: --config FILE', code: 'usage' });
  try {
    return await read(await auditDir(project));
  } catch (error) {
    if (!(error instanceof AuditLogMissing)) throw error;
    refuseForeign(error.dir);
    throw new CliFailure(error.message, { remedy: 'It begins with the first start: make up', code: 'no_audit_log' });
  }
}

/** A folder in another user's closed one is not missing. */
function refuseForeign(dir: string): void {
  try {
    statSync(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') throw new CliFailure(`you may not open ${dir}.`, { remedy: 'Run as the user the gateway runs as.', code: 'not_permitted' });
  }
}
