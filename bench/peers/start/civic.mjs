// @civic/passthrough-mcp-server: a proxy on the official TypeScript SDK's classes. It has hooks for checks, and no checks.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../support/ports.mjs';
import { launch } from '../launch.mjs';

const LOOPBACK = fileURLToPath(new URL('../loopback.mjs', import.meta.url));

export async function start({ dir, core, upstreamPort, home }) {
  const port = await freePort();
  const cli = join(home, 'node_modules', '@civic', 'passthrough-mcp-server', 'dist', 'cli.js');
  const env = { NODE_ENV: 'production', PORT: String(port), TARGET_SERVER_URL: `http://127.0.0.1:${upstreamPort}`, TARGET_SERVER_TRANSPORT: 'httpStream' };
  const running = await launch({ dir, name: 'civic', core, command: process.execPath, args: ['--import', LOOPBACK, cli], env, port });
  return { ...running, path: '/mcp', version: '2025-06-18' };
}
