// Everything a run of the table needs: tool servers, guard, authority, gateways; and for each language a lane of its own with driver, proxy, TLS pass and Workload API.
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDriver } from './driver.mjs';
import { callerOf, startGateways } from './gateways.mjs';
import { LANGUAGES } from './languages.mjs';
import { makePki } from './pki.mjs';
import { startProxy } from './proxy.mjs';
import { loadSupport } from './support.mjs';
import { startToolServer } from './tool-server.mjs';

/** Who a caller becomes when its SVID is rotated. */
export const nextOf = (id) => `${id}-next`;

/** @param {readonly string[]} languages @param {readonly import('./table.mjs').Case[]} cases */
export async function startWorld(languages, cases) {
  const folder = mkdtempSync(join(tmpdir(), 'precinct-behaviour-'));
  const support = await loadSupport();
  const [tools, guard] = await Promise.all([startToolServer(languages), support.startGuardServer()]);
  const pki = makePki(support, Date.now());
  const callers = languages.flatMap((language) => cases.map(({ id }) => callerOf(id, language)));
  const gateways = await startGateways({ support, toolUrls: tools.url, guardUrl: guard.url, pki, callers: [...callers, ...languages.map((language) => callerOf('another', language))], languages });
  const lanes = new Map();
  for (const language of languages) lanes.set(language, await startLane(language, support, gateways.tlsPort));
  return {
    tools, pki, gateways, lanes, folder,
    async close() {
      await Promise.all([...lanes.values()].map((lane) => lane.close()));
      await gateways.stop();
      await Promise.all([tools.close(), guard.close()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startLane(language, support, tlsPort) {
  const driver = startDriver(LANGUAGES[language].program());
  const [proxy, tls, workloadApi] = await Promise.all([startProxy(), startTlsPass(tlsPort), support.startWorkloadApi()]);
  return {
    language, driver, proxy, tls, workloadApi,
    close: async () => {
      await driver.close();
      workloadApi.close();
      await Promise.all([proxy.close(), tls.close()]);
    },
  };
}

/** TLS goes through as it comes; its connections can be cut. */
async function startTlsPass(port) {
  const sockets = new Set();
  const server = createServer((socket) => {
    const onward = connect(port, '127.0.0.1');
    for (const one of [socket, onward]) {
      sockets.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        sockets.delete(one);
        socket.destroy();
        onward.destroy();
      });
    }
    socket.pipe(onward).pipe(socket);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const cut = () => { for (const socket of sockets) socket.destroy(); };
  return {
    port: server.address().port, cut,
    close: () => new Promise((resolve) => {
      server.close(() => resolve(undefined));
      cut();
    }),
  };
}
