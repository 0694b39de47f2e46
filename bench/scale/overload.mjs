// The overload bench: calls fall due at 0.5×, 1×, 2× and 4× of what the gateway can do (measured first), over few and many connections.
//   node bench/scale/overload.mjs --seconds 5 --connections 16,64,256,1000 --body 1024 --save overload
// With --dear --body 32768 a call costs milliseconds, so that a few hundred waiting ones are seconds.
import { curveSvg } from '../support/curve-svg.mjs';
import { generate } from '../support/generate.mjs';
import { cores, cpuUs } from '../support/measure.mjs';
import { readOptions } from '../support/options.mjs';
import { saveResult } from '../support/results.mjs';
import { CALLER, needPrograms, startGateway, startUpstream, VERSION, withServers } from '../wire/servers.mjs';

const values = readOptions({ seconds: 5, connections: '16,64,256,1000', loads: '0.5,1,2,4', body: 1024, 'shed-after-ms': null, dear: false, save: null, json: false });
const WARM_S = 2;
const CHEAP = 'The quick brown fox jumps over the lazy dog. ';
const DEAR = 'ab.cd@ef-gh.com '; // every one a finding to confirm: layer 7 at its dearest
const CAPACITY_CONNECTIONS = 256;

needPrograms('nginx', 'taskset');
await withServers(async (start, dir) => {
  const upstream = await start(startUpstream(dir, cores.load, 350));
  const gateway = await start(startGateway(dir, cores.measured, upstream.port, {
    dlp: { inline_bytes_max: 1024 * 1024 }, // the scan pool has a bound of its own, which is not what is measured
    front: values['shed-after-ms'] === undefined ? {} : { shed_after_ms: Number(values['shed-after-ms']) },
  }));
  await measure(gateway, 0, CAPACITY_CONNECTIONS, WARM_S); // compiled code, warm caches
  const capacity = Math.round((await measure(gateway, 0, CAPACITY_CONNECTIONS, values.seconds)).admittedPerSecond);
  if (capacity === 0) throw new Error('the gateway answered no call with 200');
  process.stderr.write(`capacity: ${capacity} calls/s over ${CAPACITY_CONNECTIONS} connections, each as fast as its answers come\n`);
  const rows = [];
  for (const connections of values.connections.split(',').map(Number)) {
    for (const load of values.loads.split(',').map(Number)) {
      const row = { connections, load, ...(await measure(gateway, Math.round(capacity * load), connections, values.seconds)) };
      rows.push(row);
      process.stderr.write(`${connections} connections, ${load}×: ${Math.round(row.admittedPerSecond)}/s admitted, P99 ${row.p99Ms.toFixed(1)} ms\n`);
    }
  }
  report(capacity, rows);
});

async function measure(gateway, perSecond, connections, seconds) {
  const [cpuBefore, beganMs] = [cpuUs(gateway.pid), performance.now()];
  const meta = `{"io.modelcontextprotocol/protocolVersion":"${VERSION}","io.modelcontextprotocol/clientCapabilities":{}}`;
  const start = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":${meta},"name":"echo","arguments":{"text":"`;
  const text = (values.dear ? DEAR : CHEAP).repeat(Math.ceil(values.body / DEAR.length)).slice(0, Math.max(0, values.body - start.length - 5));
  const headers = { Host: `127.0.0.1:${gateway.port}`, 'Content-Type': 'application/json', Accept: 'application/json', 'X-SPIFFE-ID': CALLER, 'MCP-Protocol-Version': VERSION, 'Mcp-Method': 'tools/call', 'Mcp-Name': 'echo' };
  const head = `POST /mcp HTTP/1.1\r\n${Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')}`;
  const found = await generate('open-load.mjs', { port: gateway.port, connections, perSecond, seconds, warmSeconds: 1, head, body: `${start}${text}"}}}` });
  return { ...found, cores: (cpuUs(gateway.pid) - cpuBefore) / 1000 / (performance.now() - beganMs) };
}

/** Of the calls that fell due: what was answered 503, and what found no connection free. */
function shares(row) {
  const due = Math.max(1, row.due);
  return { shed: row.shed / due, unsent: row.unsent / due };
}

/** What it admits for each second of CPU time it gets: others may run on the same cores. Only where it is busy does that say what it can do. */
function perCore(row) {
  return row.admittedPerSecond / row.cores;
}

function bestOver(connections, rows) {
  return Math.max(...rows.filter((row) => row.connections === connections && row.load >= 1).map(perCore));
}

function report(capacity, rows) {
  const worst = rows.filter((row) => row.load === Math.max(...rows.map(({ load }) => load)));
  const kept = Math.min(...worst.map((row) => perCore(row) / bestOver(row.connections, rows)));
  const result = { bench: 'overload', body: values.body, dear: values.dear, capacity, kept, rows: rows.map((row) => ({ ...row, perCore: perCore(row), share: shares(row) })) };
  if (values.save !== undefined) saveResult(values.save, result, draw(rows));
  if (values.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  process.stdout.write(`\noverload: ${values.body} B calls${values.dear ? ', dear ones' : ''}, capacity ${capacity} calls/s, ${values.seconds} s each, one core for the gateway\n`);
  process.stdout.write('connections  load   due/s   admitted/s   per core s   P50 ms     P99 ms     shed   not sent  cores\n');
  for (const row of rows) {
    const { shed, unsent } = shares(row);
    process.stdout.write(`${String(row.connections).padStart(11)}  ${`${row.load}×`.padEnd(5)}${String(Math.round(row.due / row.seconds)).padStart(7)}${String(Math.round(row.admittedPerSecond)).padStart(13)}${perCore(row).toFixed(0).padStart(12)}   ${row.p50Ms.toFixed(1).padEnd(10)} ${row.p99Ms.toFixed(1).padEnd(10)} ${`${(shed * 100).toFixed(0)}%`.padEnd(6)} ${`${(unsent * 100).toFixed(0)}%`.padEnd(8)}  ${row.cores.toFixed(2)}\n`);
  }
  process.stdout.write(`\nat the highest load, admitted for each second of CPU time, of the best over as many connections: ${kept.toFixed(2)} (gate 0.90)\n`);
}

function draw(rows) {
  const byConnections = [...new Set(rows.map((row) => row.connections))];
  const series = (of) => byConnections.map((connections) => ({ name: `${connections} connections`, points: rows.filter((row) => row.connections === connections).map((row) => [row.load, of(row)]) }));
  const ticks = [...new Set(rows.map((row) => row.load))];
  return curveSvg({ title: 'The gateway under overload', xTitle: 'calls that fall due, in multiples of capacity', ticks, panels: [
    { title: 'Admitted calls', unit: 'calls/s', series: series((row) => row.admittedPerSecond) },
    { title: 'P99 of admitted calls', unit: 'ms (log)', log: true, series: series((row) => row.p99Ms) },
  ] });
}
