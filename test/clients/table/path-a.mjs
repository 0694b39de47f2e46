// The rows of docs/path-a.md: what lies in examples/path-a, run as it lies there but for its one URL. A client that is only configured is stood for by an MCP client that does what its file says.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { environment, ROOT } from '../../../scripts/run-command.mjs';
import { clientsFolder, newerNode, pythonProgram } from './install.mjs';
import { driven } from './drive.mjs';
import { printed } from './printed.mjs';
import { versionOf } from './sdk-client.mjs';

export const EXAMPLES = join(ROOT, 'examples', 'path-a');
/** The one URL of every example. */
export const GATEWAY_URL = 'http://localhost:9090';
const WHO = { name: 'precinct-path-a', version: '1' };
const CALL = { name: 'echo', arguments: { message: 'hello from the table' } };
/** A tool that the policy forbids is not even offered; one that is offered is refused for what is in the arguments. In two parts: no file holds what looks like a key. */
const REFUSED = { name: 'echo', arguments: { message: `the key is AKIA${'Q3EGRIPVZ5XKWJNM'}` } };
export const REFUSED_CODE = 'dlp_credentials_detected';
const CLAUDE_MS_MAX = 60_000;

/**
 * @typedef {{ seen_by: 'model' | 'program', text: string, data?: { code?: string } | null }} Refusal `text`: word for word; `data`: what else the program's error holds
 * @typedef {{ tools: string[], answer: string, refusal: Refusal } | { connected: string }} Seen
 */

/** The one server of a configuration file, at that URL. */
export function configured(file, url) {
  const { mcpServers, servers } = JSON.parse(readFileSync(join(EXAMPLES, file), 'utf8').replace(GATEWAY_URL, url));
  return Object.values(mcpServers ?? servers)[0];
}

/** The 1.x client has what most programs are built on; the 2.x one negotiates the version. @param {{ command?: string, args?: string[], url?: string }} server @param {boolean} isV1 */
async function connect({ command, args, url }, isV1) {
  if (!isV1) {
    const client = new ClientV2(WHO, { versionNegotiation: { mode: 'auto' } });
    await client.connect(new TransportV2(new URL(url)));
    return client;
  }
  const client = new ClientV1(WHO);
  // npx finds what is installed in the folder where it runs, and the Node that comes first.
  const path = `${dirname(newerNode())}${delimiter}${environment().PATH}`;
  await client.connect(command === undefined ? new TransportV1(new URL(url)) : new StdioClientTransport({ command, args, cwd: clientsFolder('npm'), stderr: 'ignore', env: { ...process.env, PATH: path } }));
  return client;
}

/** @returns {Promise<Seen>} */
export async function useConfiguration(file, url, isV1) {
  const client = await connect(configured(file, url), isV1);
  const { listTools, call } = driven(client, isV1);
  try {
    const tools = (await listTools()).tools.map(({ name }) => name);
    const answer = (await call(CALL)).content.map(({ text }) => text).join(' ');
    const refusal = await call(REFUSED).then((result) => ({ seen_by: 'program', text: JSON.stringify(result) }), (error) => ({ seen_by: 'program', text: String(error), data: error.data }));
    return { tools, answer, refusal };
  } finally {
    await client.close();
  }
}

/** Claude Code's own command adds the server and checks it: what its model would call is not tried. A home of its own, and nothing of this environment. @returns {Promise<Seen>} */
async function claude(url) {
  const home = mkdtempSync(join(tmpdir(), 'precinct-claude-'));
  const program = join(clientsFolder('claude-code'), 'node_modules', '@anthropic-ai', `claude-code-${process.platform}-${process.arch}`, 'claude');
  const env = { PATH: process.env.PATH, HOME: home, CLAUDE_CONFIG_DIR: home, DISABLE_AUTOUPDATER: '1', CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1' };
  const mcp = (...words) => new Promise((resolve, reject) => {
    execFile(program, ['mcp', ...words], { cwd: home, env, timeout: CLAUDE_MS_MAX }, (error, out) => (error === null ? resolve(out) : reject(error)));
  });
  try {
    const { type, url: at } = configured('claude-code.json', url);
    await mcp('add', '--transport', type, 'precinct', at);
    return { connected: (await mcp('list')).split('\n').find((line) => line.startsWith('precinct: '))?.split(' - ').at(-1) ?? 'not listed' };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

const agent = (example, kind) => ({ example, kind, run: (url) => printed(pythonProgram(kind), [join(import.meta.dirname, 'clients', 'path_a.py'), url, example]) });
const LANGGRAPH = 'LangGraph, langchain-mcp-adapters';
const OPENAI = 'OpenAI Agents SDK';

/** `kind`: what has to be installed; undefined = comes with the repository. */
export const PATH_A = [
  { name: 'Claude Desktop (mcp-remote)', version: '0.15.1', example: 'claude-desktop.json', kind: 'npm', run: (url) => useConfiguration('claude-desktop.json', url, true) },
  { name: 'Claude Code', version: '2.1.332', example: 'claude-code.json', kind: 'claude-code', run: claude },
  { name: 'Cursor (stood for by @modelcontextprotocol/sdk)', version: versionOf('@modelcontextprotocol/sdk'), example: 'cursor.json', run: (url) => useConfiguration('cursor.json', url, true) },
  { name: 'VS Code (stood for by @modelcontextprotocol/client)', version: versionOf('@modelcontextprotocol/client'), example: 'vscode.json', run: (url) => useConfiguration('vscode.json', url, false) },
  { name: LANGGRAPH, version: '1.2.24, 0.3.2', ...agent('langgraph_agent.py', 'langgraph') },
  { name: `${LANGGRAPH}; told why`, version: '1.2.24, 0.3.2', ...agent('langgraph_agent_told_why.py', 'langgraph') },
  { name: OPENAI, version: '0.24.0', ...agent('openai_agent.py', 'python') },
  { name: `${OPENAI}; told why`, version: '0.24.0', ...agent('openai_agent_told_why.py', 'python') },
  { name: 'Pydantic AI', version: '2.68.0', ...agent('pydantic_agent.py', 'python') },
  { name: 'FastMCP client', version: '4.2.3', ...agent('fastmcp_client.py', 'python') },
];

/** What came of it, beside what the gateway recorded. @param {Seen} seen @param {readonly { method: string, decision: string, code: string | null }[]} records @returns {import('./outcomes.mjs').Outcomes} */
export function judged(seen, records) {
  const listed = records.some(({ method, decision }) => method === 'tools/list' && decision === 'ALLOW');
  if ('connected' in seen) return { list: listed && seen.connected.endsWith('Connected') ? 'yes' : `no: ${seen.connected}`, call: 'its model would', error: 'its model would' };
  const refused = records.filter(({ code }) => code === REFUSED_CODE).length;
  return {
    list: listed && seen.tools.includes(CALL.name) ? 'yes' : `no: ${seen.tools.length} tools`,
    call: seen.answer.includes(CALL.arguments.message) ? 'yes' : `no: ${seen.answer.slice(0, 100)}`,
    error: refused === 1 && seen.refusal.text !== '' && !seen.refusal.text.includes(REFUSED.arguments.message) ? 'yes' : `no: refused ${refused} times, ${seen.refusal.text.slice(0, 100)}`,
  };
}

/** Of what was seen, what a page shows. @param {Seen} seen */
export function shown(seen) {
  if ('connected' in seen) return seen;
  const { tools, answer, refusal: { seen_by, text, data } } = seen;
  const code = text.includes(REFUSED_CODE) ? 'in the text' : data?.code === REFUSED_CODE ? 'in the error\'s data' : 'lost';
  return { tools: tools.length, answer, refusal: { seen_by, text, code } };
}
