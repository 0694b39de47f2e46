// A load generator for latencies: calls fall due one by one at random distances (Poisson, the same ones in every run), and each is timed from when it was
// due, not from when it could be sent: what a slow answer keeps waiting counts in full. It looks at the clock without a pause, so that no timer's
// grain is in the figures; its own lateness is reported. As a program: one JSON of options on stdin, one JSON of results on stdout.
import { connect } from 'node:net';
import { percentile } from './measure.mjs';

const HEAD_END = '\r\n\r\n';
const SEED = 0x2545f491;

/** Options: port, connections, perSecond, seconds, warmSeconds, head (request head without lengths), body. Times in µs, sorted; `lateUs` is sent − due while a connection was free. */
export async function pacedLoad({ port, connections, perSecond, seconds, warmSeconds = 0, head, body }) {
  const request = Buffer.from(`${head}Content-Length: ${Buffer.byteLength(body)}${HEAD_END}${body}`);
  const idle = [];
  const waiting = []; // due, and no connection free
  const found = { latencies: [], lateUs: [], waited: 0, refused: 0 };
  const clients = await Promise.all(Array.from({ length: connections }, () => open(port, answered)));
  idle.push(...clients);
  const nextGapMs = gaps(1000 / perSecond);
  const startMs = performance.now();
  const [fromMs, untilMs] = [startMs + warmSeconds * 1000, startMs + (warmSeconds + seconds) * 1000];
  let dueMs = startMs;
  let underWay = 0;
  let ended;

  function send(client, at, wasWaiting) {
    client.dueMs = at;
    underWay += 1;
    if (at >= fromMs) {
      if (wasWaiting) found.waited += 1;
      else found.lateUs.push((performance.now() - at) * 1000);
    }
    client.socket.write(request);
  }
  function answered(client, status) {
    underWay -= 1;
    if (client.dueMs >= fromMs) {
      if (status === 200) found.latencies.push((performance.now() - client.dueMs) * 1000);
      else found.refused += 1;
    }
    const at = waiting.shift();
    if (at === undefined) idle.push(client);
    else send(client, at, true);
  }
  function turn() {
    const nowMs = performance.now();
    for (; dueMs <= nowMs && dueMs < untilMs; dueMs += nextGapMs()) {
      const client = idle.pop();
      if (client === undefined) waiting.push(dueMs);
      else send(client, dueMs, false);
    }
    if (dueMs >= untilMs && underWay === 0) ended();
    else setImmediate(turn);
  }

  await new Promise((resolve) => {
    ended = resolve;
    turn();
  });
  for (const { socket } of clients) socket.destroy();
  const sorted = (numbers) => numbers.sort((a, b) => a - b);
  return { latencies: sorted(found.latencies), lateUs: sorted(found.lateUs), waited: found.waited, refused: found.refused };
}

/** Distances between calls that fall due at random, on average `meanMs`. */
function gaps(meanMs) {
  let state = SEED;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return -Math.log(((state >>> 0) + 1) / 2 ** 32) * meanMs;
  };
}

function open(port, answered) {
  return new Promise((resolve, reject) => {
    const client = { socket: connect(port, '127.0.0.1'), dueMs: 0, text: '' };
    client.socket.setNoDelay(true);
    client.socket.setEncoding('latin1');
    client.socket.once('connect', () => resolve(client));
    client.socket.on('error', reject);
    client.socket.on('data', (part) => {
      client.text += part;
      const end = client.text.indexOf(HEAD_END);
      if (end === -1) return;
      const length = Number(/content-length: (\d+)/i.exec(client.text.slice(0, end))?.[1] ?? 0);
      if (client.text.length < end + HEAD_END.length + length) return;
      const status = Number(client.text.slice(9, 12));
      client.text = '';
      answered(client, status);
    });
  });
}

/** P50, P99 and P99.9 of sorted numbers. */
export function tail(sorted) {
  return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99), p999: percentile(sorted, 0.999) };
}

if (process.argv[1]?.endsWith('paced-load.mjs')) {
  let text = '';
  for await (const part of process.stdin) text += part;
  const { latencies, lateUs, waited, refused } = await pacedLoad(JSON.parse(text));
  process.stdout.write(`${JSON.stringify({ count: latencies.length, ...tail(latencies), late: tail(lateUs), waited, refused })}\n`);
  process.exit(0);
}
