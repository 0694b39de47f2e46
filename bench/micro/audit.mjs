// What audit lines cost, made and handed over: CPU per line in the gateway thread and in the writer's, lines per commit, time until durable.
//   node bench/micro/audit.mjs [--lines 20000] [--work 60] [--flights 1,16,64] [--dir <folder>] [--dist <built tree>]
// `--work` is the CPU time in µs that a call costs besides its line: with it the thread is as busy as a gateway's, without it every answer appends at once.
// Needs npm run build. Linux only (/proc). Pin it to one core with taskset to see what a gateway on one core pays.
import { closeSync, fdatasyncSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readOptions } from '../support/options.mjs';

const values = readOptions({ lines: 20000, work: 60, flights: '1,16,64', dir: tmpdir(), dist: new URL('../../dist', import.meta.url).pathname });
const LINES = values.lines;
const WORK_US = values.work;
const dist = `${pathToFileURL(resolve(values.dist)).href}/`;
const { spawnAuditWriter } = await import(`${dist}audit/spawn-writer.js`);
const { openAppender } = await import(`${dist}audit/appender.js`);
const { requestLine } = await import(`${dist}audit/record.js`);

const facts = (n) => ({
  decisionId: `0199c1a2-7b3c-7def-8abc-${String(n).padStart(12, '0')}`, traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7', sessionId: 'b7e2a0f4c3d94b6f8e1d2c3b4a596877',
  spiffeId: 'spiffe://poc.local/agents/mcp-client/my-agent/dev', server: 'http://127.0.0.1:9191/mcp', tool: 'read_file', method: 'tools/call', argumentsDigest: 'a'.repeat(64),
  receivedUs: 1_767_225_600_000_000 + n, decidedUs: 1_767_225_600_000_040 + n, respondedUs: 1_767_225_600_000_900 + n, authMethod: 'header_declared',
  principal: { level: 3, role: 'agent', capabilities: ['read', 'write'] }, decision: 'ALLOW', code: undefined,
  layers: { verdicts: Array(13).fill(1), us: Array.from({ length: 13 }, (_, i) => i * 1.3), notes: [] }, riskScore: 2, status: 200, policyDigest: 'b'.repeat(64), registryDigest: 'c'.repeat(64),
  findings: [{ rule: 'email-address', category: 'pii', action: 'flag', path: '$.params.arguments.text', sample: 'm***@e***.com', decoded: 'raw' }],
});

const tasks = () => readdirSync('/proc/self/task');
const cpuUs = (task) => Number(readFileSync(`/proc/self/task/${task}/schedstat`, 'utf8').split(' ')[0]) / 1000;
const own = String(process.pid);
let sink = 0;
const spin = (turns) => {
  for (let i = 0; i < turns; i++) sink = (sink * 31 + i) | 0;
};
function turnsOf(us) {
  spin(5e7);
  const from = cpuUs(own);
  spin(5e7);
  return Math.round((us * 5e7) / (cpuUs(own) - from));
}
const WORK_TURNS = WORK_US === 0 ? 0 : turnsOf(WORK_US);

/** Calls done one per turn of the event loop, as a busy gateway's are; `call` says when its line is answered. */
function run(lines, inFlight, call) {
  return new Promise((done) => {
    let [begun, ended, ready, turning] = [0, 0, inFlight, false];
    const answered = () => {
      ended++;
      ready++;
      if (ended === lines) done();
      else more();
    };
    const turn = () => {
      turning = false;
      if (ready === 0 || begun === lines) return;
      ready--;
      spin(WORK_TURNS);
      call(begun++, answered);
      more();
    };
    const more = () => {
      if (turning || ready === 0) return;
      turning = true;
      setImmediate(turn);
    };
    more();
  });
}

function bareDatasyncUs(dir) {
  const fd = openSync(join(dir, 'bare'), 'a', 0o600);
  const text = Buffer.alloc(2048, 'x');
  const times = Array.from({ length: 500 }, () => {
    writeSync(fd, text);
    const from = performance.now();
    fdatasyncSync(fd);
    return (performance.now() - from) * 1000;
  }).sort((a, b) => a - b);
  closeSync(fd);
  return `p50 ${times[250].toFixed(0)} p99 ${times[495].toFixed(0)}`;
}

const dir = mkdtempSync(join(resolve(values.dir), 'audit-bench-'));
try {
  console.log(`node ${process.version}, lines of ${requestLine(facts(1)).length} bytes, work ${WORK_US} µs, bare fdatasync µs: ${bareDatasyncUs(dir)}`);
  const before = new Set(tasks());
  const writer = spawnAuditWriter({ dir: join(dir, 'audit'), fileBytesMax: 1 << 30, start: {} }, new URL('threads/audit-writer.js', dist));
  const status = await writer.status();
  if (!status.healthy) throw new Error(status.because);
  const [task] = tasks().filter((one) => !before.has(one));
  const appender = openAppender(writer.connect(), { queueLinesMax: 20_000, durability: 'group' });
  const plain = (n, answered) => {
    sink ^= facts(n).receivedUs;
    setImmediate(answered);
  };
  for (const inFlight of values.flights.split(',').map(Number)) {
    const waits = [];
    let [commits, counting] = [0, false];
    const audited = (n, answered) => {
      const from = performance.now();
      appender.appendRequest(facts(n), (error) => {
        if (error !== undefined) throw error;
        waits.push(performance.now() - from);
        // All answers of one commit come in one piece.
        if (!counting) {
          counting = true;
          commits++;
          queueMicrotask(() => {
            counting = false;
          });
        }
        answered();
      });
    };
    await run(LINES / 5, inFlight, audited);
    await run(LINES / 5, inFlight, plain);
    let cpu = cpuUs(own);
    await run(LINES, inFlight, plain);
    const plainUs = (cpuUs(own) - cpu) / LINES;
    waits.length = 0;
    commits = 0;
    cpu = cpuUs(own);
    const writing = cpuUs(task);
    const began = performance.now();
    await run(LINES, inFlight, audited);
    const ms = performance.now() - began;
    const producerUs = (cpuUs(own) - cpu) / LINES - plainUs;
    const writerUs = (cpuUs(task) - writing) / LINES;
    waits.sort((a, b) => a - b);
    const at = (share) => (waits[Math.floor(waits.length * share)] ?? 0).toFixed(2);
    console.log(`${String(inFlight).padStart(4)} in flight: ${(LINES / ms).toFixed(1)}k lines/s, gateway thread ${producerUs.toFixed(1)} µs a line (beside ${plainUs.toFixed(1)} for the call), writer ${writerUs.toFixed(1)} µs, ${(LINES / commits).toFixed(1)} lines a commit, durable after ms p50 ${at(0.5)} p99 ${at(0.99)}`);
  }
  await appender.close();
  await writer.close();
} finally {
  rmSync(dir, { recursive: true, force: true });
}
process.exitCode = Number.isNaN(sink) ? 1 : 0;
