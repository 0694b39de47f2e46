// What the agents spoke to before there was a gateway: a small server of Courier 1 with its actions in its own process. Loopback only; it keeps what a session has not acknowledged, without bounds.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const HOST = '127.0.0.1';
const PAGE_DEFAULT = 50;

/**
 * @typedef {{ title?: string, about: string, input_schema: object, run: (input: any, on: { progress: (done: number, total: number, note: string) => Promise<void>, signal: AbortSignal }) => Promise<{ text: string, data?: unknown, failed?: boolean }> }} NativeAction
 */

const fault = (status, type, code, message) => Object.assign(new Error(message), { status, body: { type, code, message, retryable: false } });
const bodyOf = (error) => error.body ?? { type: 'failed', code: 'server_fault', message: 'The server failed.', retryable: false };

/** @param {{ port?: number, keys: readonly string[], actions: Record<string, NativeAction> }} options */
export async function startNativeServer({ port = 0, keys, actions }) {
  const sessions = new Map();

  function page(limit, cursor) {
    const after = cursor === undefined || cursor === null ? '' : Buffer.from(cursor, 'base64url').toString().slice('after:'.length);
    const rest = Object.keys(actions).sort().filter((name) => name > after);
    const shown = rest.slice(0, Number(limit ?? PAGE_DEFAULT));
    const data = shown.map((name) => ({ action: name, title: actions[name].title, about: actions[name].about, input_schema: actions[name].input_schema }));
    return { data, page: { next: rest.length > shown.length ? Buffer.from(`after:${shown.at(-1)}`).toString('base64url') : null } };
  }

  async function run({ action, input = {} }, signal, onEvent, id = `act_${randomUUID()}`) {
    if (typeof action !== 'string' || action === '') throw fault(400, 'invalid', 'invalid_request', 'action must be a text of 1 to 256 characters.');
    if (!Object.hasOwn(actions, action)) throw fault(404, 'not_found', 'unknown_action', 'No such action.');
    const { text, data, failed } = await actions[action].run(input, { signal, progress: async (done, total, note) => onEvent({ event: 'progress', done, total, note }) });
    if (signal.aborted) throw fault(499, 'cancelled', 'cancelled', 'The action was cancelled.');
    return { id, action, status: failed === true ? 'failed' : 'succeeded', output: { text, data, parts: [{ type: 'text', text }] }, trace_id: randomUUID().replaceAll('-', '') };
  }

  async function serve(request, response) {
    const { pathname, searchParams } = new URL(request.url, `http://${HOST}`);
    const json = (status, body) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const gone = new AbortController();
    response.on('close', () => { if (!response.writableFinished) gone.abort(); });
    try {
      if (!keys.includes(request.headers['courier-key'])) throw fault(401, 'unauthorized', 'unknown_key', 'The key is not known here.');
      if (pathname !== '/v1/actions') throw fault(404, 'not_found', 'unknown_path', 'There is nothing here.');
      if (request.method === 'GET') return json(200, page(searchParams.get('limit') ?? undefined, searchParams.get('cursor')));
      let text = '';
      for await (const part of request) text += part;
      const inLines = request.headers.accept.includes('application/x-ndjson');
      const write = async (line) => { if (!response.write(`${JSON.stringify(line)}\n`) && !response.destroyed) await Promise.race([once(response, 'drain'), once(response, 'close')]); };
      const id = `act_${randomUUID()}`;
      if (!inLines) return json(200, await run(parse(text), gone.signal, () => undefined, id));
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      await write({ event: 'accepted', id });
      await write({ event: 'done', ...(await run(parse(text), gone.signal, write, id).catch((error) => ({ id, status: 'error', error: bodyOf(error) }))) });
      response.end();
    } catch (error) {
      if (!response.headersSent) json(error.status ?? 500, { error: bodyOf(error) });
    }
  }

  const http = createServer((request, response) => void serve(request, response));
  const sockets = new WebSocketServer({ server: http, path: '/v1/session', handleProtocols: () => 'courier.v1' });
  sockets.on('connection', (socket) => {
    let session;
    socket.on('close', () => { if (session?.socket === socket) session.socket = undefined; });
    socket.on('message', (data) => {
      let frame;
      try {
        frame = parse(String(data));
        if (session === undefined) session = connect(frame, socket, sessions, keys);
        else take(session, frame, { page, run });
      } catch (error) {
        socket.send(JSON.stringify({ kind: 'error', id: frame?.id, error: bodyOf(error) }));
        if (session === undefined) socket.close(4401);
      }
    });
  });
  await new Promise((resolve) => { http.listen(port, HOST, () => resolve(undefined)); });
  return {
    url: `http://${HOST}:${http.address().port}`,
    close: () => new Promise((resolve) => {
      for (const socket of sockets.clients) socket.terminate();
      http.close(resolve);
      http.closeAllConnections();
    }),
  };
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw fault(400, 'invalid', 'malformed', 'It is not JSON.');
  }
}

function connect(frame, socket, sessions, keys) {
  if (!keys.includes(frame.key)) throw fault(401, 'unauthorized', 'unknown_key', 'The key is not known here.');
  const session = frame.resume === undefined ? { id: `ses_${randomUUID()}`, kept: [], seq: 0, open: new Map(), socket } : sessions.get(frame.resume.session);
  if (session === undefined) throw fault(410, 'not_found', 'session_gone', 'The session can not be resumed.');
  sessions.set(session.id, session);
  session.socket = socket;
  session.kept = session.kept.filter(({ seq }) => seq > (frame.resume?.after ?? 0));
  socket.send(JSON.stringify({ kind: 'welcome', session: session.id, seq: session.seq, in_flight: [...session.open.keys()], limits: {} }));
  for (const one of session.kept) socket.send(JSON.stringify(one));
  return session;
}

function take(session, frame, { page, run }) {
  const tell = (message) => {
    const numbered = { ...message, seq: (session.seq += 1) };
    session.kept.push(numbered);
    session.socket?.send(JSON.stringify(numbered));
  };
  if (frame.kind === 'ack') session.kept = session.kept.filter(({ seq }) => seq > frame.seq);
  if (frame.kind === 'ping') session.socket?.send('{"kind":"pong"}');
  if (frame.kind !== 'request') return;
  if (typeof frame.id !== 'string') throw fault(400, 'invalid', 'invalid_request', 'id must be a text of 1 to 128 characters.');
  const stop = new AbortController();
  session.open.set(frame.id, stop);
  const answered = {
    list: async () => page(frame.limit, frame.cursor),
    cancel: async () => {
      session.open.get(frame.target)?.abort();
      return { cancelled: session.open.has(frame.target) };
    },
    invoke: () => run(frame, stop.signal, (event) => tell({ kind: 'event', id: frame.id, ...event })),
  }[frame.op]?.() ?? Promise.reject(fault(400, 'invalid', 'invalid_request', 'op must be invoke, list or cancel.'));
  void answered.then((result) => ({ ok: true, result }), (error) => ({ ok: false, error: bodyOf(error) })).then((answer) => {
    session.open.delete(frame.id);
    tell({ kind: 'response', id: frame.id, ...answer });
  });
}
