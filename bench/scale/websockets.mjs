// What open WebSockets take of the gateway's memory: idle ones, and ones with a session and its stream.
//   node bench/scale/websockets.mjs [--sockets 10000] [--json]
// Needs npm run build, Linux, and room for that many open files (ulimit -n) here and in the gateway.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { INITIALIZE } from '../support/echo-tool.mjs';
import { readOptions } from '../support/options.mjs';
import { memoryOf } from '../support/process-cost.mjs';
import { callerOf, startProject } from '../support/project.mjs';
import { sessionProject, startToolServer } from '../support/session-load.mjs';
import { countedSocketLoad, openWebSocket, textFrame } from '../support/websocket-load.mjs';
import { scratch } from '../wire/servers.mjs';

const values = readOptions({ sockets: 10000, json: false });
const SOCKETS = values.sockets;
const PER_CALLER = 100;
const AT_ONCE = 50;
const SETTLE_MS = 5000;
const KIB_PER_MIB = 1024;
const OPENING = textFrame(INITIALIZE);
const READY = textFrame('{"jsonrpc":"2.0","method":"notifications/initialized"}');
const PING_TEXT = '{"jsonrpc":"2.0","id":2,"method":"ping"}';
const PING = textFrame(PING_TEXT);
const WARM_CALLS = 100_000; // what the start left behind is collected by then, and all is compiled

const ROOM = SOCKETS + 1000;
const space = scratch();
const upstream = await startToolServer();

/** Resolves once the client knows that the gateway has taken it in: with a session when its stream is open, too. */
function openOne(port, n, withSession) {
  return new Promise((resolve, reject) => {
    let answers = 0;
    openWebSocket({ port, caller: callerOf(Math.floor(n / PER_CALLER)), onText: (text, socket) => {
      if (!text.includes('"result"')) return reject(new Error(text.toString('utf8', 0, 300)));
      answers += 1;
      if (answers < (withSession ? 2 : 1)) socket.write(Buffer.concat([READY, PING]));
      else resolve(socket);
    } }).then((socket) => socket.write(withSession ? OPENING : PING), reject);
  });
}

async function openMany(port, count, withSession) {
  const sockets = [];
  for (let from = 0; from < count; from += AT_ONCE) {
    sockets.push(...await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, i) => openOne(port, from + i, withSession))));
    if (from % 1000 === 0) process.stderr.write(`\r${from} of ${count} `);
  }
  process.stderr.write('\r');
  return sockets;
}

/** Each on a gateway of its own: one that has grown before takes no more. */
async function measure(name, withSession) {
  const project = await sessionProject(join(space.dir, String(withSession)), upstream.port, SOCKETS, {
    front: { connections_max: ROOM, requests_per_ip_max: ROOM, inflight_body_bytes_max: 1024 * 1024 * 1024 }, websocket: { sockets_per_ip_max: ROOM },
  });
  const gateway = await startProject(project);
  try {
    await countedSocketLoad({ port: project.port, caller: callerOf(0), body: PING_TEXT, connections: 16, depth: 8, calls: WARM_CALLS });
    await sleep(SETTLE_MS);
    const before = memoryOf(gateway.pid).privateMib;
    const sockets = await openMany(project.port, SOCKETS, withSession);
    await sleep(SETTLE_MS);
    const grownMib = memoryOf(gateway.pid).privateMib - before;
    for (const socket of sockets) socket.destroy();
    return { name, sockets: SOCKETS, grownMib, kibEach: grownMib * KIB_PER_MIB / SOCKETS };
  } finally {
    await gateway.stop();
  }
}

try {
  const rows = [await measure('idle, one message each', false), await measure('with a session and its stream', true)];
  if (values.json) process.stdout.write(`${JSON.stringify({ bench: 'websockets', rows })}\n`);
  else for (const row of rows) process.stdout.write(`${row.name.padEnd(34)}${row.sockets} sockets: ${row.grownMib.toFixed(0)} MiB private, ${row.kibEach.toFixed(1)} KiB each\n`);
} finally {
  upstream.stop();
  space.remove();
}
