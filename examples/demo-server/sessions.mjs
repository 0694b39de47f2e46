// Sessions of the protocol versions before 2026-07-28: a protocol server and a transport for each.
import { randomUUID } from 'node:crypto';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';

/** @param {number} status @param {number} code @param {string} message */
const rpcError = (status, code, message) => Response.json({ jsonrpc: '2.0', error: { code, message }, id: null }, { status });

/**
 * @template {{ connect(transport: WebStandardStreamableHTTPServerTransport): Promise<void>, close(): Promise<void> }} Server
 * @param {{ create: () => Server, max: number, transport?: () => Partial<ConstructorParameters<typeof WebStandardStreamableHTTPServerTransport>[0]> }} given
 *   `max`: above it the oldest is closed, as clients that never DELETE must not fill the memory; `transport`: further options of each
 */
export function createSessions({ create, max, transport: more = () => ({}) }) {
  /** @type {Map<string, { server: Server, transport: WebStandardStreamableHTTPServerTransport }>} */
  const sessions = new Map();

  async function open() {
    const server = create();
    /** @type {WebStandardStreamableHTTPServerTransport} */
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => void sessions.set(id, { server, transport }),
      onsessionclosed: (id) => void sessions.delete(id),
      ...more(),
    });
    await server.connect(transport);
    const [oldest] = sessions;
    if (oldest !== undefined && sessions.size >= max) {
      sessions.delete(oldest[0]);
      await oldest[1].server.close();
    }
    return transport;
  }

  return {
    /** @param {Request} request */
    async handle(request) {
      const id = request.headers.get('mcp-session-id');
      if (id === null) return request.method === 'POST' ? (await open()).handleRequest(request) : rpcError(400, -32600, 'Mcp-Session-Id is missing');
      return sessions.get(id)?.transport.handleRequest(request) ?? rpcError(404, -32001, 'Session not found');
    },
    /** @param {(server: Server) => Promise<unknown>} work */
    async each(work) {
      await Promise.allSettled([...sessions.values()].map(({ server }) => work(server)));
    },
    async close() {
      await this.each((server) => server.close());
      sessions.clear();
    },
    get size() { return sessions.size; },
  };
}
