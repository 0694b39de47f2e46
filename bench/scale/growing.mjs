// What the growth bench lets grow: for each size a gateway that holds so many, and calls that use them all in turn.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FILL } from '../support/counted-load.mjs';
import { callBody, callHead } from '../support/echo-call.mjs';
import { INITIALIZE, registered, SESSION_VERSION } from '../support/echo-tool.mjs';
import { startServers } from '../support/many-servers.mjs';
import { CALLER, startGateway as start, startUpstream } from '../wire/servers.mjs';

const ANSWER_BYTES = 350;
const BODY_BYTES = 1024;
const RELOAD_MS = 4000;
const OPENED_AT_ONCE = 32;
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

/** Others on the machine make a gateway late: it must not refuse for that. */
const startGateway = (dir, core, port, config = {}) => start(dir, core, port, { ...config, front: { shed_after_ms: 60_000 } });

/** `start(dir, cores, count, keep)` gives `keep` whatever it starts, and resolves to the gateway and the calls' options. */
export const GROWING = {
  sessions: { counts: [10, 100, 1000, 10_000, 100_000], start: withSessions },
  rules: { counts: [10, 100, 300, 1000], start: withRules },
  tools: { counts: [10, 100, 1000, 10_000], start: withTools },
  upstreams: { counts: [1, 10, 50, 200], start: withUpstreams },
};

/** Open MCP sessions of one caller; each call is one of another session. */
async function withSessions(dir, cores, count, keep) {
  const { gateway } = await withToolServers(dir, cores, 1, keep, { session: { mcp_sessions_per_caller_max: count, sessions_max: 2 * count + 100 } });
  const fills = [];
  let left = count;
  await Promise.all(Array.from({ length: Math.min(count, OPENED_AT_ONCE) }, async () => {
    while (left-- > 0) fills.push(await openSession(gateway.port));
  }));
  const head = callHead(gateway.port, { 'MCP-Protocol-Version': SESSION_VERSION, 'Mcp-Method': undefined, 'Mcp-Name': undefined, 'Mcp-Session-Id': FILL });
  return { gateway, options: { head, body: callBody(BODY_BYTES, 'words', 'echo_0', 'legacy'), fills } };
}

async function openSession(port) {
  const answer = await fetch(`http://127.0.0.1:${port}/mcp`, { method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'x-spiffe-id': CALLER }, body: INITIALIZE });
  const text = await answer.text();
  const id = answer.headers.get('mcp-session-id');
  if (id === null) throw new Error(`no session was opened: ${answer.status} ${text}`);
  return id;
}

/** Rules of one shape, each with a word of its own; no call holds what they look for. */
async function withRules(dir, cores, count, keep) {
  const rules = Array.from({ length: count }, (_, n) => {
    const word = [n % 26, Math.floor(n / 26) % 26, Math.floor(n / 676) % 26].map((at) => LETTERS[at]).join('');
    return { id: `bench-${n}`, category: 'credentials', description: 'A token of the bench', pattern: `\\b${word}_key_[A-Za-z0-9]{24}\\b`, keywords: [`${word}_key_`], hits: [`${word}_key_\${Ab1*8}`, `token=${word}_key_\${xY9*8};`], misses: [`${word}_key_\${Ab1*7}`, `${word}_key_of_another_kind`] };
  });
  mkdirSync(join(dir, 'gateway', 'config', 'grown'), { recursive: true });
  writeFileSync(join(dir, 'gateway', 'config', 'grown', 'rules.yaml'), JSON.stringify({ rules }));
  const upstream = await keep(startUpstream(dir, cores.load, ANSWER_BYTES));
  const gateway = await keep(startGateway(dir, cores.measured, upstream.port, { dlp: { dir: 'config/grown' } }));
  return { gateway, options: { head: callHead(gateway.port), body: callBody(BODY_BYTES) } };
}

/** Tools of the registry, of which the calls use one: the server of the bench serves no other. */
async function withTools(dir, cores, count, keep) {
  const upstream = await keep(startUpstream(dir, cores.load, ANSWER_BYTES));
  const gateway = await keep(startGateway(dir, cores.measured, upstream.port));
  await register(gateway, (echo) => [echo, ...Array.from({ length: count - 1 }, (_, n) => ({ ...echo, name: `tool_${n}` }))]);
  return { gateway, options: { head: callHead(gateway.port), body: callBody(BODY_BYTES) } };
}

/** As many servers, each with its own tool; each call is one of another server. */
async function withUpstreams(dir, cores, count, keep) {
  const { gateway, names } = await withToolServers(dir, cores, count, keep, {});
  return { gateway, options: { head: callHead(gateway.port, {}, FILL), body: callBody(BODY_BYTES, 'words', FILL), fills: names } };
}

async function withToolServers(dir, cores, count, keep, config) {
  const servers = await keep(startServers(cores.load, count));
  permit(dir, 'startswith(input.tool_name, "echo_")');
  const gateway = await keep(startGateway(dir, cores.measured, servers.ports[0], config));
  const names = servers.ports.map((_port, n) => `echo_${n}`);
  const tools = await Promise.all(servers.ports.map((port, n) => registered(port, names[n])));
  await register(gateway, () => tools);
  return { gateway, names };
}

/** Beside the policy that startGateway writes. */
function permit(dir, condition) {
  const folder = join(dir, 'gateway', 'config', 'opa', 'policies');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'grown.rego'), `package precinct.authz\n\nimport rego.v1\n\nallow if ${condition}\n`);
}

async function register({ project }, change) {
  const file = join(project, 'config', 'capability-registry-v2.yaml');
  const { tools } = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ tools: change(tools[0]) }));
  await sleep(RELOAD_MS);
}
