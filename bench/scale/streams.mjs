// What thousands of open streams take: memory for each, and whether a message is lost when half of the readers stop reading.
//   node bench/scale/streams.mjs [--kind sse|websocket] [--streams 9900] [--messages 100] [--bytes 1024] [--save streams] [--json]
// Needs npm run build. Each stream is a session's GET stream or WebSocket, followed on the tool server by a GET stream: two connections, so `ulimit -n` must be above twice the number.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readOptions } from '../support/options.mjs';
import { memoryOf } from '../support/process-cost.mjs';
import { callerOf } from '../support/project.mjs';
import { saveResult } from '../support/results.mjs';
import { startReaders } from '../support/stream-readers.mjs';
import { startStreamServer } from '../support/stream-server.mjs';
import { startGateway, withServers } from '../wire/servers.mjs';

const values = readOptions({ kind: 'sse', streams: 9900, messages: 100, bytes: 1024, save: null, json: false });
const { streams, messages, bytes } = values;
const PER_CALLER = 100; // session.mcp_sessions_per_caller_max
const ROOM = 100; // for what else is connected
const callers = Array.from({ length: Math.ceil(streams / PER_CALLER) }, (_, n) => callerOf(n));
const say = (text) => process.stderr.write(`${text}\n`);

await withServers(async (start, dir) => {
  const upstream = await start(startStreamServer());
  const readers = await start(startReaders());
  const gateway = await start(startGateway(dir, undefined, upstream.port, {
    front: { shed_after_ms: 0, connections_max: streams + ROOM, requests_per_ip_max: streams + ROOM }, websocket: { sockets_per_ip_max: streams + ROOM },
    upstream: { connections_max: Math.min(10_000, streams + ROOM) }, threads: { gateway: 1 },
  }, (project) => writeFileSync(join(project, 'config', 'identities.yaml'), JSON.stringify({ identities: callers.map((caller) => ({ spiffe_id: caller })) }))));
  const before = memoryOf(gateway.pid);
  await readers.open({ kind: values.kind, port: gateway.port, count: streams, stalled: Math.floor(streams / 2), callers });
  for (let waited = 0; (await upstream.streams()) < streams && waited < 100; waited++) await new Promise((resolve) => setTimeout(resolve, 100));
  const followed = await upstream.streams();
  const open = memoryOf(gateway.pid);
  say(`${streams} streams are open, ${followed} of them followed on the tool server`);
  const sent = upstream.emit({ from: 0, to: messages, bytes });
  const whileStalled = await readers.found(messages);
  const stalled = memoryOf(gateway.pid);
  say(`half of them stalled: ${JSON.stringify(whileStalled)}`);
  await readers.resume();
  await sent;
  const found = await readers.found(messages);
  report({ bench: 'streams', kind: values.kind, streams, followed, messages, bytes, whileStalled, found, kibPerStream: (open.privateMib - before.privateMib) * 1024 / streams, kibPerStalled: (stalled.privateMib - before.privateMib) * 1024 / streams });
});

function report(result) {
  if (values.save !== undefined) saveResult(values.save, result);
  if (values.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  const { reading, stalled } = result.found;
  process.stdout.write([
    '', `${result.streams} streams (${result.kind}), ${result.messages} messages of ${result.bytes} B on each; half of the readers stopped reading, and read on when the others had everything`,
    `memory of the gateway: ${result.kibPerStream.toFixed(1)} KiB a stream, ${result.kibPerStalled.toFixed(1)} KiB with the messages that half of them did not take`,
    ...[['read all the time', reading], ['stopped reading', stalled]].map(([name, one]) => `${name.padEnd(18)} ${one.complete} of ${one.readers} have every message in order; ${one.wrong} out of order, ${one.closed} closed`), '',
  ].join('\n'));
}
