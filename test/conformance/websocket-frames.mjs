// Autobahn's cases (kosoku) against the front's WebSocket: its library with its settings, and an echo behind it, because the cases expect one and the gateway is none.
// node test/conformance/websocket-frames.mjs [case or glob …]: a table by group of cases; ends with 1 when one fails. Needs python3 with venv, a package index, and a built program.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadUws } from '../../dist/front/load-uws.js';
import { socketSettings } from '../../dist/front/websocket.js';

const KOSOKU = 'kosoku==0.1.0';
const BODY_BYTES_MAX = 16 * 1024 * 1024; // the largest message of the cases
const IDLE_TIMEOUT_S = 120;
/** Autobahn's words; a case about an extension that was not agreed on is not implemented, and that is no fault. */
const PASSING = new Set(['OK', 'NON-STRICT', 'INFORMATIONAL', 'UNIMPLEMENTED']);

const folder = mkdtempSync(join(tmpdir(), 'websocket-frames-'));

function installKosoku() {
  console.error(`installing ${KOSOKU} …`);
  execFileSync('python3', ['-m', 'venv', join(folder, 'venv')], { stdio: 'inherit' });
  execFileSync(join(folder, 'venv', 'bin', 'pip'), ['install', '--quiet', KOSOKU], { stdio: 'inherit' });
  return join(folder, 'venv', 'bin', 'kosoku');
}

/** On a free port. */
function startEcho() {
  const { uws } = loadUws(folder);
  const app = uws.App().ws('/*', {
    ...socketSettings(BODY_BYTES_MAX, IDLE_TIMEOUT_S),
    upgrade: (response, request, context) => response.upgrade({}, request.getHeader('sec-websocket-key'), '', '', context),
    message: (socket, message, isBinary) => void socket.send(message, isBinary, false),
  });
  return new Promise((resolve, reject) => app.listen('127.0.0.1', 0, uws.LIBUS_LISTEN_EXCLUSIVE_PORT, (listening) => {
    if (listening === false) reject(new Error('no port'));
    else resolve({ address: `127.0.0.1:${uws.us_socket_local_port(listening)}`, close: () => app.close() });
  }));
}

/** It ends with 1 when a case fails; its report says which. */
function run(kosoku, address, cases) {
  const args = [address, '-o', join(folder, 'report'), ...cases.flatMap((one) => ['-i', one])];
  return new Promise((resolve) => spawn(kosoku, args, { stdio: ['ignore', 'inherit', 'inherit'] }).on('exit', resolve));
}

function printTable(results) {
  const groups = new Map();
  for (const [id, { behavior }] of Object.entries(results)) {
    const group = groups.get(id.split('.', 1)[0]) ?? new Map();
    groups.set(id.split('.', 1)[0], group.set(behavior, (group.get(behavior) ?? 0) + 1));
  }
  for (const [group, counts] of [...groups].sort(([a], [b]) => Number(a) - Number(b))) console.log(`${group.padStart(3)}.*  ${[...counts].map(([behavior, count]) => `${count} ${behavior}`).join(', ')}`);
}

const kosoku = installKosoku();
const echo = await startEcho();
try {
  await run(kosoku, echo.address, process.argv.slice(2));
  const results = Object.values(JSON.parse(readFileSync(join(folder, 'report', 'index.json'), 'utf8')))[0];
  printTable(results);
  const failed = Object.entries(results).filter(([, { behavior }]) => !PASSING.has(behavior)).map(([id]) => id);
  console.log(`${Object.keys(results).length} cases, ${failed.length} failed${failed.length === 0 ? '' : `: ${failed.join(' ')}`}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
} finally {
  echo.close();
  rmSync(folder, { recursive: true, force: true });
}
