// Before a reload: has another thread find out what would hold up the control thread, which answers agents as well (1,000 rules take 0.4 s of a core, 10,000 five).
import { Worker } from 'node:worker_threads';
import { programOf } from '../base/installation.js';
import type { Keeping } from '../jobs/plan-sources.js';
import type { SnapshotSources } from '../jobs/read-sources.js';
import type { SourceFault } from './messages.js';
import { SourcesRefused, type SourcePart } from './source-faults.js';

export interface PlannerData {
  readonly root: string;
  /** What the reload reads. */
  readonly parts: readonly SourcePart[];
  readonly sources: Pick<SnapshotSources, 'config' | 'policies' | 'rules'>;
  readonly keeping: Keeping;
}

/** Resolves when it is kept. Rejects with SourcesRefused for what is wrong. A thread that fails in another way has kept nothing: whoever asked finds it out for itself. */
export function planBeside(data: PlannerData, program = programOf('planner')): Promise<void> {
  const { config, policies, rules } = data.sources;
  return new Promise((resolve, reject) => {
    const worker = new Worker(program, { workerData: { ...data, sources: { config, policies, rules } } satisfies PlannerData, name: 'planner' });
    worker.on('message', (faults: readonly SourceFault[]) => {
      if (faults.length > 0) reject(new SourcesRefused(faults));
    });
    worker.on('error', () => undefined);
    worker.on('exit', () => resolve());
  });
}
