// What the gateway takes: idle, with one and more threads; and what live sessions take, the table alone and by real calls.
//   node bench/scale/memory.mjs [--threads 1,2,4] [--rules 300] [--policies 1000] [--sessions 100000] [--save memory] [--json]
// Needs npm run build, and Linux.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readOptions } from '../support/options.mjs';
import { makeProject, startProject } from '../support/project.mjs';
import { memoryOf } from '../support/process-cost.mjs';
import { saveResult } from '../support/results.mjs';
import { fillSessions, sessionProject, startToolServer } from '../support/session-load.mjs';
import { scratch } from '../wire/servers.mjs';

const values = readOptions({ threads: '1,2,4', rules: 300, policies: 1000, sessions: 100000, save: null, json: false });
const SETTLE_MS = 3000;
const SESSIONS = values.sessions;
const TABLE = fileURLToPath(new URL('../support/session-table.mjs', import.meta.url));
const space = scratch();
const many = { rules: values.rules, policies: values.policies };

async function idle(name, threads, made) {
  const project = await makeProject(join(space.dir, name), { ...made, config: { threads: { gateway: threads } } });
  await (await startProject(project)).stop(); // the second start finds its caches, as every later one
  const gateway = await startProject(project);
  await sleep(SETTLE_MS);
  const memory = memoryOf(gateway.pid);
  await gateway.stop();
  return memory;
}

async function sessions() {
  const upstream = await startToolServer();
  const project = await sessionProject(join(space.dir, 'sessions'), upstream.port, SESSIONS);
  const gateway = await startProject(project);
  try {
    return await fillSessions({ ...project, pid: gateway.pid }, SESSIONS);
  } finally {
    await gateway.stop();
    upstream.stop();
  }
}

try {
  const rows = [{ name: 'shipped config, 1 thread', threads: 1, ...(await idle('plain', 1, {})) }];
  for (const threads of values.threads.split(',').map(Number)) rows.push({ name: `${many.rules} rules, ${many.policies.toLocaleString('en-US')} policies, ${threads} ${threads === 1 ? 'thread' : 'threads'}`, threads, ...(await idle(`threads-${threads}`, threads, many)) });
  const large = rows.slice(1);
  const [first, last] = [large[0], large.at(-1)];
  const perThread = last.threads === first.threads ? null : (last.privateMib - first.privateMib) / (last.threads - first.threads);
  const table = JSON.parse(spawnSync(process.execPath, ['--expose-gc', TABLE, String(SESSIONS)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).stdout);
  const byCalls = SESSIONS > 0 ? await sessions() : null;
  const result = { bench: 'memory', ...many, sessions: SESSIONS, rows, perThreadMib: perThread, tableMib: table.tableMib, byCalls };
  if (values.save !== undefined) saveResult(values.save, result);
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else {
    for (const row of rows) process.stdout.write(`${row.name.padEnd(44)} RSS ${row.rssMib.toFixed(0).padStart(4)} MiB, private ${row.privateMib.toFixed(0).padStart(4)}\n`);
    process.stdout.write(`each further thread ${perThread?.toFixed(0) ?? '–'} MiB private\n${SESSIONS.toLocaleString('en-US')} sessions: ${table.tableMib.toFixed(0)} MiB the table of risk and taint${byCalls === null ? '' : `, ${byCalls.grownMib.toFixed(0)} MiB by calls (${byCalls.live} live)`}\n`);
  }
} finally {
  space.remove();
}
