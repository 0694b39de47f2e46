// As a program: fills the table of risk and taint with as many sessions as asked for, and says by how much the process grew.
import { readFileSync } from 'node:fs';
import { parseChains } from '../../dist/engines/session-risk/chains.js';
import { createSessionRisk } from '../../dist/engines/session-risk/session-risk.js';
import { memoryOf } from './process-cost.mjs';
import { callerOf } from './project.mjs';

const SESSIONS_PER_CALLER = 99; // the caller has an entry of its own
const ACTIONS = 3;
const count = Number(process.argv[2]);
const chainsFile = new URL('../../config/session_chains.yaml', import.meta.url);
const chains = parseChains(readFileSync(chainsFile, 'utf8'), 'session_chains.yaml');
// A few per cent more places than entries: a stripe takes no more than its share.
const risk = createSessionRisk({ ttlMs: 3_600_000, halfLifeMs: 900_000, riskDenyAt: 1, actionsKept: 50, sessionsMax: Math.ceil(count * 1.1) }, chains);

globalThis.gc();
const before = memoryOf(process.pid).privateMib;
let entries = 0;
for (let caller = 0; entries < count; caller++) {
  for (let session = 0; session < SESSIONS_PER_CALLER; session++) {
    for (let n = 0; n < ACTIONS; n++) risk.record(callerOf(caller), `session-${session}`, { tool: 'read', classification: 'internal', external: false, riskLevel: 'low', destination: undefined, atMs: n });
  }
  entries += SESSIONS_PER_CALLER + 1;
}
globalThis.gc();
process.stdout.write(JSON.stringify({ entries: risk.size, tableMib: memoryOf(process.pid).privateMib - before }));
