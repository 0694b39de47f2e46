// A tool server of the time before 2026-07-28 whose sessions have a GET stream each; told to, it sends numbered notifications on every one of them.
// A process of its own: `startStreamServer` asks it. A stream that takes no more waits by itself, and holds up no other.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { asked, serveAsked } from './asked-process.mjs';
import { answerPost, initializeResult, toolText } from './echo-tool.mjs';

/** `streams: false`: it has none, and says so. `answerBytes`: of a call's answer. `emit({ from, to, bytes })` sends the notifications from..to−1 on each stream, and resolves when all have taken them; `streams()` says how many there are. */
export async function startStreamServer(core, what = {}) {
  const { ask, stop } = asked(import.meta.url, core);
  return { port: await ask('listen', what), streams: () => ask('streams'), emit: (what) => ask('emit', what), stop };
}

const RESULTS = {
  initialize: initializeResult(',"logging":{}'),
  'tools/list': `{"tools":[${toolText()}]}`,
};
let hasStreams = true;
const streams = new Set();

const server = createServer((request, response) => {
  if (request.method === 'GET' && !hasStreams) return void response.writeHead(405).end();
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    streams.add(response);
    response.once('close', () => streams.delete(response));
    return;
  }
  answerPost(request, response, RESULTS, (method) => (method === 'initialize' ? { 'mcp-session-id': randomUUID() } : {}));
});

async function emitOn(stream, { from, to, bytes }) {
  for (let n = from; n < to; n++) {
    const text = `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":{"n":${n},"text":"${'lorem ipsum '.repeat(Math.ceil(bytes / 12)).slice(0, bytes)}"}}}`;
    if (stream.closed) return;
    if (!stream.write(`event: message\ndata: ${text}\n\n`)) await drained(stream);
  }
}

function drained(stream) {
  return new Promise((resolve) => {
    const go = () => {
      stream.off('drain', go).off('close', go);
      resolve();
    };
    stream.on('drain', go).on('close', go);
  });
}

serveAsked(import.meta.url, {
  listen({ streams: wanted = true, answerBytes = 5 }) {
    hasStreams = wanted;
    RESULTS['tools/call'] = `{"content":[{"type":"text","text":"${'x'.repeat(answerBytes)}"}]}`;
    return new Promise((resolve) => server.listen(0, '127.0.0.1', 4096, () => resolve(server.address().port)));
  },
  streams: () => streams.size,
  emit: (what) => Promise.all([...streams].map((stream) => emitOn(stream, what))).then(() => undefined),
});
