// Stands before the gateway and writes down what an SDK sends. It passes it on, or does what a case says: changes it, answers itself, cuts, or says nothing.
import { Agent, createServer, request as send } from 'node:http';
import { answerOf } from './answers.mjs';

const HOP_BY_HOP = ['connection', 'keep-alive', 'transfer-encoding'];

/**
 * @typedef {{ method: string, path: string, headers: Record<string, unknown>, body: any, closed: boolean }} Seen
 * @typedef {{ pass?: { headers?: Record<string, string | null>, body?: [string, string] }, retry_after?: string | null, hold?: 'decided', cut?: 'before' | 'after' | 'within', hang?: true, answer?: any, repeat?: true }} Step
 */

export async function startProxy() {
  const agent = new Agent({ keepAlive: true });
  const state = { target: '', /** @type {Step[]} */ steps: [], /** @type {Seen[]} */ seen: [], /** @type {Seen[]} */ streams: [], decided: Promise.resolve(), /** @type {(json: any) => void} */ onAnswer: () => undefined };
  const sockets = new Set();

  const http = createServer((request, response) => {
    const parts = [];
    request.on('error', () => undefined);
    request.on('data', (part) => parts.push(part));
    request.on('end', () => void handle(request, Buffer.concat(parts), response));
  });
  http.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });

  async function handle(request, bytes, response) {
    const seen = { method: request.method, path: request.url, headers: { ...request.headers }, body: parsed(bytes), closed: false };
    response.on('close', () => { seen.closed = !response.writableFinished; });
    // A stream that a session listens on comes when it comes; it is no step of a case.
    const listens = request.method === 'GET';
    (listens ? state.streams : state.seen).push(seen);
    const step = listens ? {} : stepAt(state.steps, state.seen.length - 1);
    if (step.hang) return;
    if (step.cut === 'before') return void request.socket.destroy();
    if (step.answer !== undefined) return answerOf(step.answer, seen, response);
    if (step.hold === 'decided') await state.decided;
    passOn(request, bytes, response, step);
  }

  function passOn(request, bytes, response, step) {
    const headers = changed(request.headers, step.pass?.headers);
    const body = step.pass?.body === undefined ? bytes : Buffer.from(bytes.toString('utf8').replace(...step.pass.body));
    if (body.length > 0) headers['content-length'] = String(body.length);
    const { hostname, port } = new URL(state.target);
    const onward = send({ host: hostname, port, method: request.method, path: request.url, headers, agent }, (answer) => {
      if (step.cut === 'after') return void answer.resume().on('end', () => request.socket.destroy());
      const back = changed(answer.headers, step.retry_after === undefined ? {} : { 'retry-after': step.retry_after });
      for (const name of HOP_BY_HOP) delete back[name];
      response.writeHead(answer.statusCode ?? 0, back).flushHeaders();
      const said = [];
      answer.on('data', (part) => {
        said.push(part);
        if (step.cut === 'within') return void response.write(part.subarray(0, part.length >> 1), () => request.socket.destroy());
        response.write(part);
      });
      answer.on('error', () => response.destroy());
      answer.on('end', () => {
        state.onAnswer(parsed(Buffer.concat(said)));
        response.end();
      });
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => { if (!response.writableFinished) onward.destroy(); });
    onward.end(body);
  }

  await new Promise((resolve) => http.listen(0, '127.0.0.1', () => resolve(undefined)));
  return Object.assign(state, {
    url: `http://127.0.0.1:${http.address().port}`,
    /** For the next case. @param {string} target @param {Step[]} steps */
    arm(target, steps) {
      Object.assign(state, { target, steps, seen: [], streams: [], decided: Promise.resolve(), onAnswer: () => undefined });
    },
    close: () => new Promise((resolve) => {
      agent.destroy();
      http.close(() => resolve(undefined));
      for (const socket of sockets) socket.destroy();
    }),
  });
}

/** A last step may be for all that follow. */
function stepAt(steps, at) {
  const last = steps.at(-1);
  return steps[at] ?? (last?.repeat ? last : {});
}

function changed(headers, changes = {}) {
  const all = { ...headers };
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) delete all[name];
    else all[name] = value;
  }
  return all;
}

/** JSON where it is some; else the text. */
function parsed(bytes) {
  const text = bytes.toString('utf8');
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
