// The scan pool's worker: what Piscina runs for large messages. It holds its own scanners, built from what the tasks point at.
import { workerData } from 'node:worker_threads';
import { systemClock } from '../base/clock/clock.js';
import { createArgumentsDigest } from '../base/crypto/arguments-digest.js';
import { buildMatcher } from '../base/matcher/choose.js';
import { eachTask } from '../base/workers/each-task.js';
import { createReadingTask, type ReadingTask } from '../base/workers/message-reader.js';
import type { ScanTask } from '../engines/dlp/scan-pool.js';
import { createScanTask } from '../engines/dlp/scan-worker.js';
import { createAnswering } from '../engines/policy/large-question.js';
import { REFERENCE_PLACES } from '../engines/secrets/substitute.js';
import { SENT_DESTINATIONS } from '../engines/step-up/sent-destinations.js';
import { APPROVED_ARGUMENTS } from '../layers/approved-arguments.js';
import { createScrubbing } from '../response/03-scrub-secrets.js';
import type { ScanWorkerData } from './scanners.js';

const { argumentsKey } = workerData as ScanWorkerData;

const scanMessage = createScanTask((patterns, engine, database) => buildMatcher(patterns, { engine, serialized: database }), createArgumentsDigest(argumentsKey));

const readMessage = createReadingTask([SENT_DESTINATIONS, APPROVED_ARGUMENTS, REFERENCE_PLACES, createScrubbing(), createAnswering(systemClock)]);

export const scan = eachTask((task: ScanTask | ReadingTask) => (task.kind === 'scan' ? scanMessage(task) : readMessage(task)));
