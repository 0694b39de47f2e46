// What the peers are seen beside: the tool server alone, nginx, the barest proxy, and this gateway.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../support/ports.mjs';
import { CALLER, startGateway, startProxy } from '../wire/servers.mjs';
import { launch } from './launch.mjs';

const program = (file) => fileURLToPath(new URL(file, import.meta.url));

/** The tool server that a run shares; also a target of its own, on the measured core. */
export async function startToolServer(dir, core, name, answerBytes) {
  const port = await freePort();
  return launch({ dir, name, core, command: process.execPath, args: [program('upstream.mjs'), String(port), String(answerBytes), dir], port });
}

/** Every start: ({ dir, core, upstreamPort }) to a target: { port, pid, path, stop, headers?, version?, params? }. */
export const FLOORS = [
  {
    key: 'direct', name: 'tool server, no proxy', settings: 'the tool server of this bench (uWebSockets.js) on the measured core',
    start: async ({ dir, core, answerBytes }) => ({ ...(await startToolServer(dir, core, 'direct', answerBytes)), path: '/mcp' }),
  },
  {
    key: 'nginx', name: 'nginx, plain proxy', settings: 'one worker, keep-alive to the tool server, no access log',
    start: async ({ dir, core, upstreamPort }) => ({ ...(await startProxy(dir, core, upstreamPort)), path: '/mcp' }),
  },
  {
    key: 'bare', name: 'bare proxy: uWebSockets.js + undici', settings: 'bench/support/bare-proxy.mjs: nothing read, nothing decided',
    start: async ({ dir, core, upstreamPort }) => {
      const port = await freePort();
      return { ...(await launch({ dir, name: 'bare', core, command: process.execPath, args: [program('../support/bare-proxy.mjs'), String(port), String(upstreamPort), dir], port })), path: '/mcp' };
    },
  },
];

function gateway(key, name, durability, settings) {
  return {
    key, name, settings,
    start: async ({ dir, core, upstreamPort }) => {
      const own = join(dir, key);
      mkdirSync(own);
      return { ...(await startGateway(own, core, upstreamPort, { audit: { durability } })), path: '/mcp', headers: { 'X-SPIFFE-ID': CALLER } };
    },
  };
}

export const GATEWAYS = [
  gateway('precinct', 'PRECINCT', 'group', '13 layers and the response firewall, every answer waits until its line is on disk (the default); rate limit out of the way'),
  gateway('precinct-async', 'PRECINCT, audit async', 'async', 'the same, but no answer waits for the disk, as no peer’s does'),
];
