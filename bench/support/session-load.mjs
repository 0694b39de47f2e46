// Opens MCP sessions over the front, with one call in each, and says what they take beside the same calls without sessions.
import { Agent, createServer, request } from 'node:http';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerPost, INITIALIZE, initializeResult, registered, SESSION_VERSION, toolText } from './echo-tool.mjs';
import { callerOf, makeProject } from './project.mjs';
import { memoryOf } from './process-cost.mjs';

const PER_CALLER = 100;
const CONNECTIONS = 32;
const PLAIN_CALLS = 30_000; // before and after: the heap finds its working size, and garbage of the sessions' making goes
const SETTLE_MS = 3000;
const HTTP_OK = 200;
const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"}}}';

/** A tool server of the time before 2026-07-28, without sessions of its own. */
export async function startToolServer() {
  const results = {
    initialize: initializeResult(),
    'tools/list': `{"tools":[${toolText()}]}`,
    'tools/call': '{"content":[{"type":"text","text":"hello"}]}',
  };
  const server = createServer((asked, answer) => (asked.method === 'POST' ? answerPost(asked, answer, results) : answer.writeHead(asked.method === 'GET' ? 405 : 200).end()));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: server.address().port, stop: () => server.closeAllConnections() ?? server.close() };
}

/** A project with a caller for each 100 sessions, all of whom may call the one tool. `more`: further sections of the config, and of its front. */
export async function sessionProject(dir, upstreamPort, sessions, more = {}) {
  const project = await makeProject(dir, { config: {
    threads: { gateway: 1 }, rate_limit: { per_minute: 100_000_000, burst: 100_000_000 }, session: { sessions_max: Math.ceil(sessions * 1.1) + 1000, mcp_sessions_per_caller_max: PER_CALLER }, ...more, front: { shed_after_ms: 0, ...more.front },
  } });
  const file = (name, content) => writeFileSync(join(dir, 'config', name), typeof content === 'string' ? content : JSON.stringify(content));
  file('identities.yaml', { identities: Array.from({ length: Math.ceil(sessions / PER_CALLER) }, (_, n) => ({ spiffe_id: callerOf(n) })) });
  file('capability-registry-v2.yaml', { tools: [await registered(upstreamPort)] });
  file('opa/policies/all.rego', 'package precinct.authz\n\nimport rego.v1\n\nallow if startswith(input.caller_spiffe_id, "spiffe://poc.local/agents/mcp-client/agent-")\n');
  return project;
}

/** `grownMib`: private memory after the sessions, less that before them. */
export async function fillSessions({ port, pid, dir }, sessions) {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const post = (caller, body, session) => new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'x-spiffe-id': callerOf(caller), 'mcp-protocol-version': SESSION_VERSION, ...(session === undefined ? {} : { 'mcp-session-id': session }) };
    const sent = request({ host: '127.0.0.1', port, method: 'POST', path: '/', agent, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part) => (text += part));
      answer.on('end', () => (answer.statusCode === HTTP_OK && !text.includes('"error"') ? resolve(answer.headers['mcp-session-id']) : reject(new Error(`${answer.statusCode}: ${text}`))));
    });
    sent.on('error', reject);
    sent.end(body);
  });
  const many = async (count, work) => {
    let next = 0;
    await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
      while (next < count) await work(next++);
    }));
  };
  const callers = Math.ceil(sessions / PER_CALLER);
  const plain = () => many(PLAIN_CALLS, (n) => post(n % callers, CALL));
  await plain();
  await sleep(SETTLE_MS);
  const before = memoryOf(pid);
  await many(sessions, async (n) => {
    const caller = Math.floor(n / PER_CALLER);
    await post(caller, CALL, await post(caller, INITIALIZE));
  });
  await plain();
  await sleep(SETTLE_MS);
  const after = memoryOf(pid);
  const live = await liveSessions(join(dir, '.precinct', 'control.sock'));
  agent.destroy();
  return { live, grownMib: after.privateMib - before.privateMib, before, after };
}

function liveSessions(socketPath) {
  return new Promise((resolve, reject) => {
    request({ socketPath, path: '/metrics', agent: false, headers: { host: 'localhost' } }, async (answer) => {
      let text = '';
      for await (const part of answer) text += part;
      resolve(Number(/^precinct_mcp_sessions (\d+)/m.exec(text)?.[1]));
    }).on('error', reject).end();
  });
}
