// The rows of the table: clients, each with server-everything behind the gateway, and servers, each with the SDK's clients in front of it.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../../scripts/run-command.mjs';
import { goProgram, newerNode, npmProgram, pythonProgram, rustProgram, clientsFolder } from './install.mjs';
import { outcomesOf } from './outcomes.mjs';
import { EVERYTHING, REFUSED, SMALL } from './plans.mjs';
import { printed } from './printed.mjs';
import { startProgram } from './programs.mjs';
import { driveProgram, driveSdk, versionOf } from './sdk-client.mjs';

const CLIENT_MS_MAX = 90_000;

/** MCP Inspector's command line: one process a call. */
function inspect(url) {
  const cli = (...words) => new Promise((resolve) => {
    execFile(newerNode(), [npmProgram('@modelcontextprotocol', 'inspector', 'clients', 'launcher', 'build', 'index.js'), '--cli', url, '--transport', 'http', ...words], { timeout: CLIENT_MS_MAX }, (error, stdout, stderr) => resolve({ failed: error !== null, said: `${stdout}${stderr}` }));
  });
  return outcomesOf({
    list: async () => (await cli('--method', 'tools/list')).said.includes('"echo"'),
    call: async () => {
      const { said } = await cli('--method', 'tools/call', '--tool-name', 'echo', '--tool-arg', 'message=hello from the table');
      return said.includes('hello from the table') || said.slice(0, 160);
    },
    error: async () => {
      const { failed, said } = await cli('--method', 'tools/call', '--tool-name', REFUSED);
      return (failed && /No policy permits|authz_policy_denied|not found/i.test(said)) || said.slice(0, 160);
    },
    progress: 'its command line shows none',
    cancel: 'one call a process',
  });
}

/** Where clients of the older transport open their stream. @param {string} url */
const sseOf = (url) => new URL('sse', url).href;

/** `kind`: what has to be installed; undefined = comes with the repository. @type {readonly { name: string, version: string, kind?: string, run: (url: string) => Promise<import('./outcomes.mjs').Outcomes> }[]} */
export const CLIENTS = [
  { name: '@modelcontextprotocol/sdk', version: versionOf('@modelcontextprotocol/sdk'), run: (url) => driveSdk({ url, plan: EVERYTHING, client: '1.x' }) },
  { name: '@modelcontextprotocol/sdk, over HTTP+SSE', version: versionOf('@modelcontextprotocol/sdk'), run: (url) => driveSdk({ url: sseOf(url), plan: EVERYTHING, client: '1.x sse' }) },
  { name: '@modelcontextprotocol/client', version: versionOf('@modelcontextprotocol/client'), run: (url) => driveSdk({ url, plan: EVERYTHING, client: '2.x' }) },
  { name: '@modelcontextprotocol/client, negotiating', version: versionOf('@modelcontextprotocol/client'), run: (url) => driveSdk({ url, plan: EVERYTHING, client: '2.x auto' }) },
  { name: 'MCP Inspector, command line', version: '2.12.0', kind: 'npm', run: inspect },
  { name: 'mcp-remote', version: '0.15.1', kind: 'npm', run: (url) => driveProgram({ command: newerNode(), args: [npmProgram('mcp-remote', 'dist', 'proxy.js'), url, '--transport', 'http-only', '--allow-http'], plan: EVERYTHING }) },
  { name: 'mcp-remote, over HTTP+SSE', version: '0.15.1', kind: 'npm', run: (url) => driveProgram({ command: newerNode(), args: [npmProgram('mcp-remote', 'dist', 'proxy.js'), sseOf(url), '--transport', 'sse-only', '--allow-http'], plan: EVERYTHING }) },
  { name: 'mcp (Python)', version: '2.3.0', kind: 'python', run: (url) => printed(pythonProgram(), [join(import.meta.dirname, 'clients', 'python.py'), url, 'mcp']) },
  { name: 'mcp (Python), over HTTP+SSE', version: '2.3.0', kind: 'python', run: (url) => printed(pythonProgram(), [join(import.meta.dirname, 'clients', 'python.py'), sseOf(url), 'mcp-sse']) },
  { name: 'FastMCP client (Python)', version: '4.2.3', kind: 'python', run: (url) => printed(pythonProgram(), [join(import.meta.dirname, 'clients', 'python.py'), url, 'fastmcp']) },
  { name: 'go-sdk', version: '1.8.0', kind: 'go', run: (url) => printed(goProgram(), [url]) },
  { name: 'rmcp (Rust)', version: '3.11.0', kind: 'rust', run: (url) => printed(rustProgram(), [url]) },
];

const folder = () => mkdtempSync(join(tmpdir(), 'precinct-files-'));
const bridge = (server, ...args) => [newerNode(), npmProgram('@modelcontextprotocol', server, 'dist', 'index.js'), ...args];

/** A server on stdio, behind a bridge that speaks HTTP. @param {readonly string[]} command @param {'supergateway' | 'mcp-proxy'} by */
function bridged(command, by) {
  if (by === 'supergateway') return (port) => [newerNode(), npmProgram('supergateway', 'dist', 'index.js'), '--stdio', command.join(' '), '--outputTransport', 'streamableHttp', '--stateful', '--port', String(port), '--logLevel', 'none'];
  return (port) => [newerNode(), npmProgram('mcp-proxy', 'dist', 'bin', 'mcp-proxy.mjs'), '--host', '127.0.0.1', '--port', String(port), '--server', 'stream', '--', ...command];
}

/** `start` resolves with the server's URL and how to end it. */
export const SERVERS = [
  {
    name: 'server-everything', version: '2026.8.31', plan: EVERYTHING, refused: REFUSED,
    start: () => startProgram(() => [process.execPath, join(ROOT, 'node_modules', '@modelcontextprotocol', 'server-everything', 'dist', 'index.js'), 'streamableHttp'], (port) => ({ PORT: String(port) })),
  },
  {
    name: 'server-filesystem, behind supergateway 4.0.0', version: '2026.8.31', kind: 'npm',
    plan: { call: { name: 'list_allowed_directories', arguments: {} }, says: 'precinct-files-', error: { name: 'read_text_file', arguments: { path: '/etc/hostname' } } },
    start: async () => {
      const files = folder();
      const program = await startProgram(bridged(bridge('server-filesystem', files), 'supergateway'));
      return { ...program, stop: async () => { await program.stop(); rmSync(files, { recursive: true, force: true }); } };
    },
  },
  {
    name: 'server-memory, behind mcp-proxy 6.7.19', version: '2026.8.31', kind: 'npm',
    plan: { call: { name: 'read_graph', arguments: {} }, says: 'entities', error: { name: 'create_entities', arguments: { entities: 'no list' } } },
    start: () => startProgram(bridged(bridge('server-memory'), 'mcp-proxy')),
  },
  { name: 'fastmcp (TypeScript)', version: '4.20.16', kind: 'npm', plan: SMALL, start: () => startProgram((port) => [newerNode(), join(import.meta.dirname, 'servers', 'typescript-fastmcp.mjs'), clientsFolder('npm'), String(port)]) },
  { name: 'mcp (Python)', version: '2.3.0', kind: 'python', plan: SMALL, start: () => startProgram((port) => [pythonProgram(), join(import.meta.dirname, 'servers', 'python-mcp.py'), String(port)]) },
  { name: 'FastMCP (Python)', version: '4.2.3', kind: 'python', plan: SMALL, start: () => startProgram((port) => [pythonProgram(), join(import.meta.dirname, 'servers', 'python-fastmcp.py'), String(port)]) },
];
