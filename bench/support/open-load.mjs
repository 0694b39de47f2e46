// A load generator that does not wait for answers: calls fall due at a rate, whatever the server does. Raw sockets, one call at a time on each; a call
// that falls due while none is free is counted and not sent. As a program: one JSON of options on stdin, one JSON of results on stdout.
import { connect } from 'node:net';

const TICK_MS = 1;
const HEAD_END = '\r\n\r\n';

/** Options: port, connections, perSecond (0 = as fast as answers come), seconds, warmSeconds, head (request head without lengths), body. */
export async function openLoad({ port, connections, perSecond, seconds, warmSeconds = 0, head, body }) {
  const request = Buffer.from(`${head}Content-Length: ${Buffer.byteLength(body)}${HEAD_END}${body}`);
  const idle = [];
  const counts = { due: 0, admitted: 0, shed: 0, other: 0, cut: 0, unsent: 0 };
  const latencies = [];
  let measuring = false;
  let over = false;

  function send(client) {
    client.sentMs = performance.now();
    client.socket.write(request);
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
  function open() {
    const client = { socket: connect(port, '127.0.0.1'), sentMs: 0, text: '' };
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
      const length = Number(/content-length: (\d+)/i.exec(client.text.slice(0, end))?.[1] ?? 0);
      const whole = end + HEAD_END.length + length;
      if (client.text.length < whole) return;
      const status = Number(client.text.slice(9, 12));
      client.text = client.text.slice(whole);
      take(client, status);
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
  return { ...counts, seconds: measuredS, admittedPerSecond: counts.admitted / measuredS, shedPerSecond: counts.shed / measuredS, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
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
