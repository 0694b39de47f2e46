// A load generator that does not wait for answers: calls fall due at a rate, whatever the server does. Raw sockets, one call at a time on each; a call
// that falls due while none is free is counted and not sent. As a program: one JSON of options on stdin, one JSON of results on stdout.
import { connect } from 'node:net';

const TICK_MS = 1;
const HEAD_END = '\r\n\r\n';
/** No answer here has a line with a lone 0, so this is the end of a chunked one. */
const LAST_CHUNK = '\r\n0\r\n\r\n';

/** A place in `body` for a number that no other call of the run has: some servers refuse an id that is under way. */
export const CALL_ID = '1000000000';

/**
 * Options: port, connections, perSecond (0 = as fast as answers come), seconds, warmSeconds, head (request head without lengths) or heads (one for each
 * connection, in turn: sessions), body, expect (a text without which an answer of status 200 counts as `other`).
 */
export async function openLoad({ port, connections, perSecond, seconds, warmSeconds = 0, head, heads = [head], body, expect = '' }) {
  const requests = heads.map((one) => Buffer.from(`${one}Content-Length: ${Buffer.byteLength(body)}${HEAD_END}${body}`));
  const idAt = requests.map((request) => request.indexOf(CALL_ID));
  let calls = Number(CALL_ID);
  const idle = [];
  const counts = { due: 0, admitted: 0, shed: 0, other: 0, cut: 0, unsent: 0 };
  const latencies = [];
  let measuring = false;
  let over = false;

  function send(client) {
    client.sentMs = performance.now();
    const request = requests[client.kind];
    if (idAt[client.kind] !== -1) request.latin1Write(String(++calls), idAt[client.kind]);
    client.socket.write(idAt[client.kind] === -1 ? request : Buffer.from(request));
  }
  function take(client, status) {
    const ms = performance.now() - client.sentMs;
    if (measuring) {
      if (status === 200) {
        counts.admitted += 1;
        latencies.push(ms);
      } else counts[status === 503 ? 'shed' : 'other'] += 1;
    }
    next(client);
  }
  function next(client) {
    client.sentMs = 0;
    if (over) return;
    if (perSecond === 0) send(client);
    else idle.push(client);
  }
  let opened = 0;
  function open() {
    const client = { socket: connect(port, '127.0.0.1'), sentMs: 0, text: '', kind: opened++ % requests.length };
    client.socket.setNoDelay(true);
    client.socket.setEncoding('latin1');
    client.socket.on('connect', () => next(client));
    client.socket.on('data', (part) => read(client, part));
    client.socket.on('error', () => undefined);
    client.socket.on('close', () => {
      if (measuring && client.sentMs !== 0) counts.cut += 1;
      const at = idle.indexOf(client);
      if (at !== -1) idle.splice(at, 1);
      if (!over) open();
    });
    return client;
  }
  function read(client, part) {
    client.text += part;
    for (;;) {
      const end = client.text.indexOf(HEAD_END);
      if (end === -1) return;
      const whole = endOfAnswer(client.text, end);
      if (whole === undefined) return;
      const status = Number(client.text.slice(9, 12));
      const isExpected = status !== 200 || client.text.slice(end, whole).includes(expect);
      client.text = client.text.slice(whole);
      take(client, isExpected ? status : 0);
    }
  }

  const clients = Array.from({ length: connections }, open);
  const startedMs = performance.now();
  let released = 0;
  const timer = perSecond === 0 ? undefined : setInterval(() => {
    const target = Math.floor(((performance.now() - startedMs) / 1000) * perSecond);
    for (; released < target; released++) {
      if (measuring) counts.due += 1;
      const client = idle.pop();
      if (client !== undefined) send(client);
      else if (measuring) counts.unsent += 1;
    }
  }, TICK_MS);
  await sleep(warmSeconds * 1000);
  measuring = true;
  const fromMs = performance.now();
  await sleep(seconds * 1000);
  measuring = false;
  const measuredS = (performance.now() - fromMs) / 1000;
  over = true;
  clearInterval(timer);
  for (const client of clients) client.socket.destroy();
  latencies.sort((a, b) => a - b);
  const at = (share) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
  return { ...counts, seconds: measuredS, admittedPerSecond: counts.admitted / measuredS, shedPerSecond: counts.shed / measuredS, p50Ms: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999), maxMs: at(1) };
}

/** Where the first answer of `text` ends, whose head ends at `headEnd`; undefined while it is not whole. */
export function endOfAnswer(text, headEnd) {
  const head = text.slice(0, headEnd);
  const bodyAt = headEnd + HEAD_END.length;
  if (/transfer-encoding: chunked/i.test(head)) {
    const last = text.indexOf(LAST_CHUNK, headEnd + 2);
    return last === -1 ? undefined : last + LAST_CHUNK.length;
  }
  const whole = bodyAt + Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
  return text.length < whole ? undefined : whole;
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

if (process.argv[1]?.endsWith('open-load.mjs')) {
  let text = '';
  for await (const part of process.stdin) text += part;
  process.stdout.write(`${JSON.stringify(await openLoad(JSON.parse(text)))}\n`);
  process.exit(0);
}
