// What one call to a tool server costs the thread that makes it: undici and the own client on Node's sockets, on native ones, and with 16 calls on a connection, in alternating rounds against the same nginx.
//   node bench/micro/upstream.mjs --rounds 5 --calls 40000 --connections 64 --body 1024 --answer 200
import { median } from '../support/measure.mjs';
import { readOptions } from '../support/options.mjs';
import { createUpstreamClient } from '../../dist/upstream/http-client.js';
import { needPrograms, scratch, startUpstream } from '../wire/servers.mjs';

const values = readOptions({ rounds: 5, calls: 40000, connections: 64, body: 1024, answer: 200, core: null, only: null, json: false });
const { rounds, calls, connections } = values;
needPrograms('nginx', ...(values.core === undefined ? [] : ['taskset']));

const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', arguments: { text: 'x'.repeat(Math.max(0, values.body - 90)) } } }));
const { dir, remove } = scratch();
const upstream = await startUpstream(dir, values.core, values.answer);
const request = { url: `http://127.0.0.1:${upstream.port}/mcp`, httpMethod: 'POST', body, answerTimeoutMs: 30_000, idleTimeoutMs: 30_000 };

/** As the gateway's legs write them: an object per call, of which the trace differs. */
const headersOf = (n) => ({
  'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call',
  traceparent: `00-0af7651916cd43dd8448eb211c80319c-${(n % 0xffffff).toString(16).padStart(16, '0')}-01`, 'mcp-name': 'echo',
});

/** CPU microseconds of this process per call. */
async function measure(client, count) {
  let begun = 0;
  let ended = 0;
  const before = process.cpuUsage();
  await new Promise((resolve, reject) => {
    const next = () => {
      if (begun === count) return;
      begun += 1;
      let bytes;
      client.send({ ...request, headers: headersOf(begun) }, {
        onHead: (status) => { if (status !== 200) reject(new Error(`status ${status}`)); },
        onData: (chunk) => { bytes = Buffer.from(chunk); },
        onEnd: () => {
          ended += 1;
          if (bytes === undefined) reject(new Error('an empty answer'));
          if (ended === count) resolve();
          else next();
        },
        onFault: (fault) => reject(new Error(fault.message)),
      });
    };
    for (let n = 0; n < connections; n++) next();
  });
  const { user, system } = process.cpuUsage(before);
  return { user: user / count, system: system / count, all: (user + system) / count };
}

const kinds = [{ name: 'undici', plain: 'undici' }, { name: 'node', plain: 'node' }, { name: 'native', plain: 'native' }, { name: 'pipelined', plain: 'native', pipelining: 16 }];
const clients = kinds.filter(({ name }) => values.only === undefined || values.only === name)
  .map(({ name, ...kind }) => ({ name, client: createUpstreamClient({ connectTimeoutMs: 1000, connectionsMax: connections, ...kind }), rounds: [] }));
for (const { client } of clients) await measure(client, calls / 2);
for (let round = 0; round < rounds; round++) {
  for (const { client, rounds: found } of clients) found.push(await measure(client, calls));
}
const results = clients.map(({ name, rounds: found }) => ({ client: name, cpu_us: median(found.map((one) => one.all)), user_us: median(found.map((one) => one.user)), system_us: median(found.map((one) => one.system)) }));
if (values.json) console.log(JSON.stringify(results));
else {
  for (const { client, cpu_us, user_us, system_us } of results) console.log(`${client.padEnd(9)} ${cpu_us.toFixed(1)} CPU µs a call (user ${user_us.toFixed(1)}, kernel ${system_us.toFixed(1)})`);
  const [slow, ...fast] = results;
  for (const { client, cpu_us } of fast) console.log(`${client.padEnd(9)} ${(cpu_us / slow.cpu_us).toFixed(2)} of ${slow.client}`);
}
await Promise.all(clients.map(({ client }) => client.close()));
await upstream.stop();
remove();
