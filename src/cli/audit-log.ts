// Where the project's audit log is, and what to say when there is none. The reading itself is audit/reader's.
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
  try {
    return await read(await auditDir(project));
  } catch (error) {
    if (!(error instanceof AuditLogMissing)) throw error;
    throw new CliFailure(error.message, { remedy: 'It begins with the first start: make up', code: 'no_audit_log' });
  }
}
