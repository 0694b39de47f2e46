// Threads that end in every way while their connections to a tool server are in use. Ends with 0 and `N threads ended`, or takes the process down.
//   node test/native/threads-end.mjs THREADS
import { once } from 'node:events';
import { createServer } from 'node:net';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const WAYS = ['terminate', 'close', 'exit'];

if (isMainThread) await main(Number(process.argv[2]));
else await thread();

async function main(threads) {
  let answers = 0;
  const server = createServer((socket) => {
    // Every other request stays unanswered, so that some are always under way.
    socket.on('error', () => undefined).on('data', () => { if (answers++ % 2 === 0) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'); });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  for (let n = 0; n < threads; n++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: server.address().port });
    await once(worker, 'message');
    const way = WAYS[n % WAYS.length];
    const ended = once(worker, 'exit');
    if (way === 'terminate') await worker.terminate();
    else worker.postMessage(way);
    await ended;
  }
  process.stdout.write(`${threads} threads ended\n`);
  process.exit(0);
}

async function thread() {
  const { createUpstreamClient } = await import('../../dist/upstream/http-client.js');
  const client = createUpstreamClient({ connectTimeoutMs: 5000, connectionsMax: 8, plain: 'native', pipelining: 3 });
  let sent = 0;
  const call = () => client.send({
    url: `http://127.0.0.1:${workerData}/mcp`, httpMethod: 'POST', headers: {}, body: Buffer.alloc(sent++ % 10 === 0 ? 3_000_000 : 100, 'x'), answerTimeoutMs: 200, idleTimeoutMs: 300,
  }, { onHead: () => undefined, onData: () => parentPort.postMessage('up'), onEnd: call, onFault: () => setTimeout(call, 1) });
  for (let n = 0; n < 20; n++) call();
  parentPort.on('message', (way) => {
    if (way === 'exit') process.exit(0);
    void client.close();
    parentPort.close();
    setTimeout(() => process.exit(0), 5);
  });
}
