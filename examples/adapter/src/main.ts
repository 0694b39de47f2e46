// The adapter as a process: Courier 1 in front, the gateway behind. `node examples/adapter/run.mjs --config FILE`
import { readFileSync } from 'node:fs';
import { createServer as createPlain, type RequestListener } from 'node:http';
import { createServer as createTls } from 'node:https';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { Actions } from './actions.js';
import { Agents } from './agents.js';
import { readConfig, type Config } from './config.js';
import { Gateways } from './gateway.js';
import { HttpDoor } from './http.js';
import { log } from './log.js';
import { WebSocketDoor } from './websocket.js';

const HEADER_BYTES_MAX = 16_384;

async function start(config: Config): Promise<{ readonly url: string; close(): Promise<void> }> {
  const agents = new Agents(config.agentsFile, log);
  const { bounds, tls } = config;
  const gateways = new Gateways(config, log);
  const actions = new Actions(gateways, bounds, log);
  const parts = { agents, gateways, actions, bounds, log };
  const overHttp = new HttpDoor(parts);
  const overWebSocket = new WebSocketDoor(parts);
  const options = { headersTimeout: bounds.headers_timeout_ms, requestTimeout: bounds.headers_timeout_ms + bounds.call_timeout_ms, maxHeaderSize: HEADER_BYTES_MAX };
  const listener: RequestListener = (request, response) => void overHttp.serve(request, response);
  const server = tls === undefined ? createPlain(options, listener) : createTls({ ...options, cert: readFileSync(tls.certFile), key: readFileSync(tls.keyFile) }, listener);
  server.maxConnections = bounds.connections;
  server.on('upgrade', (request, socket, head) => overWebSocket.upgrade(request, socket, head));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(config.port, config.host, resolve);
  });
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${config.host}:${(server.address() as AddressInfo).port}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      await actions.close();
      await new Promise((resolve) => { setImmediate(resolve); }); // what has just ended is written
      overWebSocket.close();
      await gateways.close();
      server.closeIdleConnections();
      await closed;
    },
  };
}

try {
  const { values } = parseArgs({ options: { config: { type: 'string' }, help: { type: 'boolean', short: 'h' } } });
  if (values.help === true) {
    process.stdout.write('Usage: node examples/adapter/run.mjs --config FILE (default adapter.json)\nadapter.example.json beside it is one; docs/adapters.md says what is in it.\n');
    process.exit(0);
  }
  const running = await start(readConfig(values.config ?? 'adapter.json'));
  log('listening', { url: running.url });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      log('stopping');
      void running.close().then(() => process.exit(0), () => process.exit(1));
    });
  }
} catch (fault) {
  log('not_started', { why: fault instanceof Error ? fault.message : 'unknown' });
  process.exitCode = 2;
}
