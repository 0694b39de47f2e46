// The tool server of the contract, on raw node:http so that it sees what an adapter does to it: calls that hang up, answers that nobody reads, arguments as they came.
import { createServer } from 'node:http';

const object = { type: 'object' };
const tool = (name, description, inputSchema = object) => ({ name, description, inputSchema });
/** Exactly as served: the registry has their hashes. */
export const TOOLS = [
  tool('echo', 'Return the arguments as JSON', { type: 'object', properties: { text: { type: 'string' } } }),
  tool('data', 'Answer with data'),
  tool('broken', 'Fail, and say so'),
  tool('picky', 'Take no arguments that anybody sends'),
  tool('count', 'Count, and tell of each number', { type: 'object', properties: { to: { type: 'integer' } } }),
  tool('hold', 'Answer when it is let go'),
  tool('flood', 'Tell much on the way'),
  tool('deed', 'Do what a person must approve'),
  tool('narrow', 'Be called once a minute'),
  tool('beta_only', 'Serve one caller alone'),
];
const MODERN = '2026-07-28';
const CAPABILITIES = { tools: {} };

/** Tells `progress` and waits while the answer is not read. */
function progressOf(response, token, state) {
  return async (progress, total, message) => {
    if (token === undefined) return;
    const event = { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: token, progress, total, message } };
    const text = `event: message\ndata: ${JSON.stringify(event)}\n\n`;
    if (!response.write(text) && !response.destroyed) {
      state.blocked = true;
      await new Promise((resolve) => {
        const go = () => {
          response.off('drain', go).off('close', go);
          resolve(undefined);
        };
        response.on('drain', go).on('close', go);
      });
      state.blocked = false;
    }
    state.written += text.length;
  };
}

const said = (text, more = {}) => ({ content: [{ type: 'text', text }], ...more });

export async function startContractServer() {
  const held = new Map();
  const state = {
    /** Of tools/call: name and arguments. */
    calls: [],
    /** Calls whose answer nobody waited for, by their mark. */
    hangUps: [],
    flood: { blocked: false, written: 0 },
    /** Lets the call of `hold` with this mark end. */
    release: (mark) => held.get(mark)?.(),
    isHeld: (mark) => held.has(mark),
  };

  async function call({ name, arguments: args = {} }, response, progress) {
    state.calls.push({ name, args });
    response.on('close', () => { if (!response.writableFinished) state.hangUps.push(args.mark); });
    switch (name) {
      case 'data': return said('see data', { structuredContent: { answer: 42, list: [1, 'two', null] } });
      case 'broken': return said('it broke', { isError: true });
      case 'count':
        for (let n = 1; n <= args.to; n++) await progress(n, args.to, `number ${n}`);
        return said(`counted to ${args.to}`);
      case 'flood':
        for (let n = 1; n <= args.events && !response.destroyed; n++) await progress(n, args.events, 'x'.repeat(args.bytes));
        return said('that was all');
      case 'hold':
        await progress(0, 1, 'held');
        await new Promise((resolve) => {
          held.set(args.mark, resolve);
          response.once('close', resolve);
        });
        held.delete(args.mark);
        return said(`let go ${args.mark}`);
      default: return said(JSON.stringify(args));
    }
  }

  async function answer(body, response) {
    const { id, method, params = {} } = body === '' ? {} : JSON.parse(body);
    const json = (message, status = 200) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, ...message }));
    if (id === undefined) return response.writeHead(202).end();
    if (method === 'server/discover') return json({ result: { resultType: 'complete', supportedVersions: [MODERN], capabilities: CAPABILITIES, _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'contract', version: '1' } } } });
    if (method === 'tools/list') return json({ result: { resultType: 'complete', tools: TOOLS, ttlMs: 0, cacheScope: 'public' } });
    if (method !== 'tools/call') return json({ error: { code: -32601, message: 'Method not found' } }, 404);
    if (params.name === 'picky') return json({ error: { code: -32602, message: 'These arguments are not to my taste.' } });
    const token = params._meta?.progressToken;
    const progress = progressOf(response, token, state.flood);
    if (token !== undefined) response.writeHead(200, { 'content-type': 'text/event-stream' });
    const result = { resultType: 'complete', ...(await call(params, response, progress)) };
    if (token === undefined) return json({ result });
    return response.end(`event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', id, result })}\n\n`);
  }

  const http = createServer((request, response) => {
    if (request.method !== 'POST') return void response.writeHead(405).end();
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => void answer(Buffer.concat(parts).toString('utf8'), response).catch(() => response.destroy()));
  });
  await new Promise((resolve) => { http.listen(0, '127.0.0.1', () => resolve(undefined)); });
  return Object.assign(state, {
    url: `http://127.0.0.1:${http.address().port}/mcp`,
    close: () => new Promise((resolve) => {
      http.close(resolve);
      http.closeAllConnections();
    }),
  });
}
