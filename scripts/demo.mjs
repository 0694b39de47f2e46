// make demo: two calls, as shipped one allowed and one denied, through the running gateway, with the 13 layers of each as its audit record has them.
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { installation, load, loadConfig } from './installation.mjs';
import { waitFor } from './processes.mjs';
import { bold, dim, green, note, red, runScript, say, Stop } from './say.mjs';

const CALL_TIMEOUT_MS = 15_000;
const RECORD_TIMEOUT_MS = 5_000;
const TAIL_BYTES = 1024 * 1024; // the record is among the last lines

/** `expected`: what the shipped registry and policies decide. */
const CALLS = [
  { tool: 'get_time', arguments: {}, expected: 'ALLOW' },
  { tool: 'bash', arguments: { command: 'whoami' }, expected: 'DENY' },
];

/** Returns the identity it called as. */
export async function playDemo({ stateDir }, config) {
  const identity = await defaultIdentity(config);
  const auditFile = join(config.audit.dir === '' ? join(stateDir, 'audit') : config.audit.dir, 'audit.jsonl');
  for (const call of CALLS) await play(call, identity, config.front.port, auditFile);
  return identity;
}

async function defaultIdentity(config) {
  const { projectRoot, resolveInProject } = await load('base/config/load.js');
  const { parseIdentities } = await load('engines/identity/identity-table.js');
  const file = resolveInProject(projectRoot(installation().configFile), config.identity.file);
  const table = parseIdentities(readFileSync(file, 'utf8'), file, config.identity.trust_domain);
  return table.defaultIdentity ?? table.identities[0]?.spiffeId ?? `spiffe://${config.identity.trust_domain}/agents/mcp-client/my-agent/dev`;
}

async function play(call, identity, port, auditFile) {
  const traceId = randomBytes(16).toString('hex');
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: call.tool, arguments: call.arguments } });
  const headers = { 'content-type': 'application/json', accept: 'application/json', 'x-spiffe-id': identity, traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01` };
  let response;
  try {
    response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers, body, signal: AbortSignal.timeout(CALL_TIMEOUT_MS) });
  } catch (error) {
    throw new Stop(`the gateway does not answer on port ${port} (${error.cause?.code ?? error.message}).`, 'make up');
  }
  const answer = await response.json();
  let record;
  await waitFor(() => (record = recordOf(auditFile, traceId)) !== undefined, RECORD_TIMEOUT_MS);
  if (record === undefined) throw new Stop(`the audit log has no record of the call (${auditFile}).`, 'agw doctor');
  await print(call, identity, response.status, answer, record);
}

function recordOf(auditFile, traceId) {
  if (!existsSync(auditFile)) return undefined;
  const fd = openSync(auditFile, 'r');
  try {
    const { size } = fstatSync(fd);
    const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
    readSync(fd, tail, 0, tail.length, size - tail.length);
    const line = tail.toString('utf8').split('\n').find((text) => text.startsWith('{"type":"request"') && text.includes(traceId) && text.endsWith('}'));
    return line === undefined ? undefined : JSON.parse(line);
  } finally {
    closeSync(fd);
  }
}

/** What came of it, never what was meant to. */
export function titleOf(record) {
  return record.decision === 'ALLOW' ? 'An allowed call' : 'A denied call';
}

export function surpriseOf(call, record) {
  if (record.decision === call.expected) return undefined;
  return `As shipped this call gets ${call.expected}; your registry, policies or limits decide otherwise: agw audit explain ${record.decision_id}`;
}

async function print(call, identity, status, answer, record) {
  const { layersTall } = await load('cli/layers-view.js');
  const { processTerminal, printable } = await load('cli/terminal.js');
  const { colors } = processTerminal(Boolean(process.env.NO_COLOR));
  const allowed = record.decision === 'ALLOW';
  const verdict = allowed ? green('ALLOW') : red(`DENY ${record.code}`);
  const said = answer.result?.content?.[0]?.text ?? answer.message ?? answer.error?.message ?? '';
  say(`\n${bold(titleOf(record))}: ${call.tool} as ${identity}`);
  say(`${verdict}, HTTP ${status}, ${(record.latency_us / 1000).toFixed(1)} ms${said === '' ? '' : ` ${dim(`"${printable(said).slice(0, 100)}"`)}`}\n`);
  say(layersTall(record, colors));
  const surprise = surpriseOf(call, record);
  if (surprise !== undefined) note(surprise);
  say(`\n${dim('decision')} ${record.decision_id}  ${dim('audit line')} ${record.seq}\n${dim('hash')}     ${record.hash}`);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runScript(async () => {
    if (!existsSync(join(import.meta.dirname, '..', 'dist', 'main.js'))) throw new Stop('nothing is built yet.', 'make up');
    await playDemo(installation(), await loadConfig());
  });
}
