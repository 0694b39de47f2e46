// The scan pool's worker: what Piscina runs for large messages. It holds its own scanners, built from what the tasks point at.
import { workerData } from 'node:worker_threads';
import { createArgumentsDigest } from '../base/crypto/arguments-digest.js';
import { buildMatcher } from '../base/matcher/choose.js';
import { eachTask } from '../base/workers/each-task.js';
import { createScanTask } from '../engines/dlp/scan-worker.js';
import type { ScanWorkerData } from './scanners.js';

const { argumentsKey } = workerData as ScanWorkerData;

export const scan = eachTask(createScanTask((patterns, engine, database) => buildMatcher(patterns, { engine, serialized: database }), createArgumentsDigest(argumentsKey)));
