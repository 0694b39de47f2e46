// A small MCP tool server to try the gateway with: `node examples/demo-server/server.mjs [--port 9191]`. Loopback only.
// It serves both eras on /mcp: 2026-07-28 (stateless) and the older ones (sessions). See tools.mjs for what it offers.
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';
import {
  createMcpHandler, hostHeaderValidationResponse, isLegacyRequest, localhostAllowedHostnames, localhostAllowedOrigins, originValidationResponse,
  ProtocolError, ProtocolErrorCode, Server,
} from '@modelcontextprotocol/server';
import { serveWeb } from './node-http.mjs';
import { createSessions } from './sessions.mjs';
import { createTools } from './tools.mjs';

const PORT_DEFAULT = 9191;
const SESSIONS_MAX = 1000;
const CONTROL_BODY_BYTES_MAX = 4096; // a rug-pull order is under 100 bytes

/** @param {ReturnType<typeof createTools>} tools */
function createProtocolServer(tools) {
  const server = new Server({ name: 'precinct-demo-server', version: '0.1.0' }, { capabilities: { tools: { listChanged: true } } });
  server.setRequestHandler('tools/list', () => ({ tools: tools.list() }));
  server.setRequestHandler('tools/call', (request) => {
    const answer = tools.call(request.params.name, request.params.arguments ?? {});
    if (answer === undefined) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `no such tool: ${request.params.name}`);
    return answer;
  });
  return server;
}

/** @param {number} status @param {unknown} body */
const json = (status, body) => new Response(`${JSON.stringify(body)}\n`, { status, headers: { 'content-type': 'application/json' } });

/** @param {Request} request @returns {Promise<unknown>} undefined when it is no small JSON text */
async function readControlBody(request) {
  try {
    const body = await request.text();
    return body.length > CONTROL_BODY_BYTES_MAX ? undefined : JSON.parse(body);
  } catch {
    return undefined;
  }
}

/**
 * @param {{ port: number, nowMs?: () => number }} options port 0 takes a free one
 * @returns {Promise<{ url: string, port: number, sessions: () => number, close: () => Promise<void> }>}
 */
export async function startDemoServer({ port, nowMs = Date.now }) {
  const tools = createTools({ nowMs });
  const modern = createMcpHandler(() => createProtocolServer(tools), { legacy: 'reject' });
  const sessions = createSessions({ create: () => createProtocolServer(tools), max: SESSIONS_MAX });

  /** @param {Request} request */
  async function rugPull(request) {
    const order = /** @type {{ tool?: unknown, on?: unknown } | null | undefined} */ (await readControlBody(request));
    if (typeof order?.tool !== 'string' || typeof order.on !== 'boolean') return json(400, { error: 'send {"tool":"get_time","on":true}' });
    if (!tools.rugPull(order.tool, order.on)) return json(404, { error: `no such tool: ${order.tool}` });
    modern.notify.toolsChanged();
    await sessions.each((server) => server.sendToolListChanged());
    return json(200, { tool: order.tool, changed: order.on });
  }

  /** @param {Request} request @returns {Promise<Response>} */
  async function route(request) {
    const rejected = hostHeaderValidationResponse(request, localhostAllowedHostnames()) ?? originValidationResponse(request, localhostAllowedOrigins());
    if (rejected !== undefined) return rejected;
    const { pathname } = new URL(request.url);
    if (pathname === '/mcp') return await isLegacyRequest(request) ? sessions.handle(request) : modern.fetch(request);
    if (pathname === '/healthz') return request.method === 'GET' ? json(200, { status: 'ok', demo: true, sessions: sessions.size }) : json(405, { error: 'GET only' });
    if (!pathname.startsWith('/demo/')) return json(404, { error: 'not found' });
    if (request.method !== 'POST') return json(405, { error: 'POST only' });
    if (pathname === '/demo/rug-pull') return rugPull(request);
    if (pathname === '/demo/messages') return json(200, { messages: tools.messages() });
    return json(404, { error: 'not found' });
  }

  const server = await serveWeb(port, route);
  return {
    ...server,
    sessions: () => sessions.size,
    async close() {
      await Promise.allSettled([modern.close(), sessions.close()]);
      await server.close();
    },
  };
}

async function main() {
  const { values } = parseArgs({ options: { port: { type: 'string' } } });
  const port = Number(values.port ?? process.env.DEMO_SERVER_PORT ?? PORT_DEFAULT);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error('--port takes a number from 0 to 65535');
  const demo = await startDemoServer({ port });
  process.stdout.write(`PRECINCT demo MCP server on ${demo.url}: made-up data, executes nothing, sends nothing. Loopback only.\n`);
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void demo.close().then(() => process.exit(0)));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main().catch((error) => {
    const taken = error?.code === 'EADDRINUSE' ? ' Another program has that port: stop it, or choose one with --port.' : '';
    process.stderr.write(`demo server: ${error?.message ?? error}.${taken}\n`);
    process.exitCode = 1;
  });
}
