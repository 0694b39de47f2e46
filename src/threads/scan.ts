// The scan pool's worker: what Piscina runs for each large message. It holds its own scanners, built from what the tasks point at.
import { buildMatcher } from '../base/matcher/choose.js';
import { createScanTask } from '../engines/dlp/scan-worker.js';

export const scan = createScanTask((patterns, engine, database) => buildMatcher(patterns, { engine, serialized: database }));
