// A thread that lives for one reload: finds out what is dear to find out of its sources while the control thread goes on serving, and keeps it on disk for that.
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../base/clock/clock.js';
import { planOf, rulesOf } from '../jobs/plan-sources.js';
import type { PlannerData } from './plan-beside.js';
import { FaultFinder, gatherFaults } from './source-faults.js';
import type { SourceFault } from './messages.js';

const { root, parts, sources, keeping } = workerData as PlannerData;

/** Empty: all is well, and kept. */
function plan(): readonly SourceFault[] {
  try {
    planOf(sources, systemClock, keeping);
    rulesOf(sources, keeping);
    return [];
  } catch (fault) {
    return gatherFaults(fault, new FaultFinder(root, systemClock).find(parts, sources.config));
  }
}

parentPort?.postMessage(plan());
