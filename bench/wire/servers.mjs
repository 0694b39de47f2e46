// The processes of the wire bench: an upstream and a plain proxy (both nginx), and the gateway with every layer on. All on loopback, all ended by pid.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { registered, toolText } from '../support/echo-tool.mjs';
import { freePort } from '../support/ports.mjs';
import { pinned, startGatewayProgram, stop } from '../support/programs.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const VERSION = '2026-07-28';
export const CALLER = 'spiffe://poc.local/agents/mcp-client/bench/dev';

/** The cheapest tool server there is: fixed answers, chosen by the Mcp-Method header. Every call must have the id 1. `sse`: calls are answered by a stream of one event. */
export async function startUpstream(dir, core, answerBytes, { sse = false } = {}) {
  const port = await freePort();
  const result = (id, value) => `{"jsonrpc":"2.0","id":${id},"result":${value}}`;
  const discover = result(1, `{"supportedVersions":["${VERSION}"],"capabilities":{"tools":{}},"resultType":"complete","ttlMs":60000,"cacheScope":"public"}`);
  const list = result(2, `{"tools":[${toolText()}],"resultType":"complete","ttlMs":0,"cacheScope":"private"}`);
  const call = result(1, `{"content":[{"type":"text","text":"${'lorem ipsum '.repeat(Math.ceil(answerBytes / 12)).slice(0, answerBytes)}"}],"resultType":"complete"}`);
  const http = `map $http_mcp_method $answer { default '${call}'; "server/discover" '${discover}'; "tools/list" '${list}'; }
    server { listen 127.0.0.1:${port} backlog=4096; keepalive_requests 1000000000;
      location / { ${sse ? 'if ($http_mcp_method = "tools/call") { rewrite ^ /events last; }' : ''} default_type application/json; return 200 $answer; }
      location = /events { default_type text/event-stream; return 200 'event: message\ndata: ${call}\n\n'; } }`;
  return { ...(await startNginx(join(dir, 'upstream'), http, core)), port };
}

/** nginx as a plain proxy: what sockets alone cost. */
export async function startProxy(dir, core, upstreamPort) {
  const port = await freePort();
  const http = `upstream tools { server 127.0.0.1:${upstreamPort}; keepalive 128; keepalive_requests 1000000000; }
    server { listen 127.0.0.1:${port} backlog=4096; keepalive_requests 1000000000;
      location / { proxy_pass http://tools; proxy_http_version 1.1; proxy_set_header Connection ""; client_body_buffer_size 2m; proxy_buffers 16 64k; proxy_buffer_size 64k; } }`;
  return { ...(await startNginx(join(dir, 'proxy'), http, core)), port };
}

async function startNginx(dir, http, core) {
  mkdirSync(dir, { recursive: true });
  const conf = join(dir, 'nginx.conf');
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${join(dir, name)};`).join(' ');
  writeFileSync(conf, `daemon off; master_process off; worker_processes 1; pid ${join(dir, 'pid')}; error_log ${join(dir, 'error.log')} crit;
  events { worker_connections 4096; } http { access_log off; ${temp} client_max_body_size 20m; ${http} }`);
  const child = pinned(core, 'nginx', ['-p', dir, '-c', conf], { stdio: 'ignore' });
  await sleep(300);
  if (child.exitCode !== null) throw new Error(`nginx did not start, see ${join(dir, 'error.log')}`);
  return { pid: child.pid, stop: () => stop(child) };
}

/** uWebSockets.js and undici, nothing else. */
export async function startBareProxy(dir, core, upstreamPort) {
  const port = await freePort();
  const child = pinned(core, process.execPath, [join(ROOT, 'bench/support/bare-proxy.mjs'), String(port), String(upstreamPort), join(dir, 'bare-cache')], { stdio: ['ignore', 'pipe', 'inherit'] });
  await Promise.race([new Promise((resolve) => child.stdout.once('data', resolve)), new Promise((_, reject) => child.once('exit', () => reject(new Error('the bare proxy did not start'))))]);
  return { pid: child.pid, port, stop: () => stop(child) };
}

/** The gateway as a user runs it, all 13 layers and the response firewall on, durable audit. `prepare` may change the project before it starts. */
export async function startGateway(dir, core, upstreamPort, overrides = {}, prepare = () => undefined) {
  const project = join(dir, 'gateway');
  mkdirSync(join(project, 'config', 'opa', 'policies'), { recursive: true });
  for (const name of ['dlp', 'risk_thresholds.yaml', 'destinations.yaml', 'session_chains.yaml']) cpSync(join(ROOT, 'config', name), join(project, 'config', name), { recursive: true });
  const port = await freePort();
  const config = { profile: 'dev', log_level: 'warn', rate_limit: { per_minute: 100_000_000, burst: 100_000_000 }, ...overrides, front: { port, ...overrides.front } };
  writeFileSync(join(project, 'config', 'gateway.yaml'), JSON.stringify(config));
  writeFileSync(join(project, 'config', 'identities.yaml'), JSON.stringify({ identities: [{ spiffe_id: CALLER }] }));
  writeFileSync(join(project, 'config', 'capability-registry-v2.yaml'), JSON.stringify({ tools: [await registered(upstreamPort)] }));
  writeFileSync(join(project, 'config', 'opa', 'policies', 'bench.rego'),
    `package precinct.authz\n\nimport rego.v1\n\nallow if {\n\tinput.caller_spiffe_id == "${CALLER}"\n\tinput.tool_name == "echo"\n}\n`);
  prepare(project);
  return { ...(await startGatewayProgram(join(project, 'config', 'gateway.yaml'), core)), port, project };
}

/** A temporary folder, and a way to remove it. */
export function scratch() {
  const dir = mkdtempSync(join(tmpdir(), 'precinct-bench-'));
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

/** Runs `work(start, dir)` in a folder of its own. What `start` is given, or promised, is stopped afterwards, last first, and the folder removed. */
export async function withServers(work) {
  const { dir, remove } = scratch();
  const running = [];
  const start = async (starting) => {
    const server = await starting;
    running.push(server);
    return server;
  };
  try {
    return await work(start, dir);
  } finally {
    for (const server of running.reverse()) await server.stop();
    remove();
  }
}

/** The Debian package of each program that a bench runs. */
const PACKAGES = { nginx: 'nginx', wrk: 'wrk', taskset: 'util-linux', chrt: 'util-linux' };

/** Ends this program when one of them is missing, and says how to get it. */
export function needPrograms(...names) {
  const missing = names.filter((name) => {
    try {
      execFileSync('which', [name], { stdio: 'ignore' });
      return false;
    } catch {
      return true;
    }
  });
  if (missing.length === 0) return;
  process.stderr.write(`missing: ${missing.join(', ')}. Install them: apt-get install ${[...new Set(missing.map((name) => PACKAGES[name]))].join(' ')}\n`);
  process.exit(2);
}
