// The reference server "everything" as a process, and the registrations of whatever a server serves.
import { fileURLToPath } from 'node:url';
import { createTypescriptGuard } from '../../src/base/json/typescript-guard.js';
import { drawSeed } from '../../src/base/json/siphash.js';
import { createToolsReader } from '../../src/engines/registry/served-tools.js';
import { createUpstreamClient } from '../../src/upstream/http-client.js';
import { listTools } from '../../src/upstream/tool-lister.js';
import { freePort } from '../support/free-port.js';
import type { ProjectTool } from '../support/gateway-process.js';
import { startNodeProcess } from '../support/tool-server.js';

export const EVERYTHING = fileURLToPath(new URL('../../node_modules/@modelcontextprotocol/server-everything/dist/index.js', import.meta.url));

export interface Everything {
  readonly url: string;
  /** On the same port; every session is forgotten. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startEverything(): Promise<Everything> {
  const port = await freePort();
  const start = () => startNodeProcess(EVERYTHING, ['streamableHttp'], { PORT: String(port) }, /listening/i);
  let running = await start();
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    async restart() {
      await running.stop();
      running = await start();
    },
    stop: () => running.stop(),
  };
}

export async function registrationsOf(url: string): Promise<ProjectTool[]> {
  const client = createUpstreamClient({ connectTimeoutMs: 2000, connectionsMax: 2 });
  const reader = createToolsReader(createTypescriptGuard(drawSeed(), 'test'));
  try {
    const { tools } = await listTools(client, url, { timeoutMs: 10_000, clientInfo: { name: 'test', version: '1' }, parseToolsList: (bytes) => reader.parseToolsList(bytes), monotonicMs: () => performance.now() });
    return tools.map((tool) => ({ name: tool.name, upstream: url, hash: tool.hashes.jcs, description: 'as served' }));
  } finally {
    await client.close();
  }
}
