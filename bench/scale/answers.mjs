// What thousands of clients take that call over one long-lived connection each: memory for each, and whether an answer is lost when half of them stop reading.
//   node bench/scale/answers.mjs [--kind websocket|http-sse] [--connections 10000] [--calls 20] [--bytes 1024] [--save answers] [--json]
// Needs npm run build. Each has a session, whose tool server has no streams of its own: one connection each on the gateway, so `ulimit -n` must be above their number.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startReaders } from '../support/answer-readers.mjs';
import { readOptions } from '../support/options.mjs';
import { memoryOf } from '../support/process-cost.mjs';
import { callerOf } from '../support/project.mjs';
import { saveResult } from '../support/results.mjs';
import { startStreamServer } from '../support/stream-server.mjs';
import { startGateway, withServers } from '../wire/servers.mjs';

const values = readOptions({ kind: 'websocket', connections: 10000, calls: 20, bytes: 1024, save: null, json: false });
const { connections, calls, bytes } = values;
const PER_CALLER = 100; // session.mcp_sessions_per_caller_max
const ROOM = 1000; // for what else is connected
const callers = Array.from({ length: Math.ceil(connections / PER_CALLER) }, (_, n) => callerOf(n));
const say = (text) => process.stderr.write(`${text}\n`);

await withServers(async (start, dir) => {
  const upstream = await start(startStreamServer(undefined, { streams: false, answerBytes: bytes }));
  const readers = await start(startReaders());
  const gateway = await start(startGateway(dir, undefined, upstream.port, {
    front: { shed_after_ms: 0, connections_max: connections + ROOM, requests_per_ip_max: 3 * connections + ROOM, inflight_body_bytes_max: 1024 * 1024 * 1024 }, websocket: { sockets_per_ip_max: connections + ROOM }, threads: { gateway: 1 },
  }, (project) => {
    writeFileSync(join(project, 'config', 'identities.yaml'), JSON.stringify({ identities: callers.map((caller) => ({ spiffe_id: caller })) }));
    writeFileSync(join(project, 'config', 'opa', 'policies', 'bench.rego'), 'package precinct.authz\n\nimport rego.v1\n\nallow if input.tool_name == "echo"\n');
  }));
  const before = memoryOf(gateway.pid);
  await readers.open({ kind: values.kind, port: gateway.port, count: connections, stalled: Math.floor(connections / 2), callers });
  const open = memoryOf(gateway.pid);
  say(`${connections} connections are open (${values.kind})`);
  await readers.call({ from: 0, to: calls });
  const whileStalled = await readers.found({ to: calls });
  const stalled = memoryOf(gateway.pid);
  say(`half of them stalled: ${JSON.stringify(whileStalled)}`);
  await readers.resume();
  const found = await readers.found({ to: calls });
  report({ bench: 'answers', kind: values.kind, connections, calls, bytes, whileStalled, found, kibEach: (open.privateMib - before.privateMib) * 1024 / connections, kibStalled: (stalled.privateMib - before.privateMib) * 1024 / connections });
});

function report(result) {
  if (values.save !== undefined) saveResult(values.save, result);
  if (values.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  const { reading, stalled } = result.found;
  process.stdout.write([
    '', `${result.connections} connections (${result.kind}), ${result.calls} calls on each, answers of ${result.bytes} B; half of the clients stopped reading, and read on when the others had everything`,
    `memory of the gateway: ${result.kibEach.toFixed(1)} KiB a connection, ${result.kibStalled.toFixed(1)} KiB with what half of them did not take`,
    ...[['read all the time', reading], ['stopped reading', stalled]].map(([name, one]) => `${name.padEnd(18)} ${one.complete} of ${one.readers} have every answer once; ${one.wrong} wrong, ${one.closed} closed`), '',
  ].join('\n'));
}
