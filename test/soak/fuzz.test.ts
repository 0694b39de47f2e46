// Fuzzed requests over real sockets: nothing crashes, nothing hangs, whatever reached a route has its record, and a tool server saw only what a record allows.
// FUZZ_REQUESTS sets how many, FUZZ_SEED where to begin; `make fuzz` is the long form.
import { closeSync, openSync, readdirSync, readSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonBytes, sseBytes, startExactServer, type ExactAnswer, type ExactServer } from '../support/exact-server.js';
import { CALLER, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { headerOf } from '../support/raw-http.js';
import { residentMib } from '../support/resident.js';
import { call, eventually, registration, toolText } from '../wire/calls.js';
import { play, type Played } from './fuzz-client.js';
import { bytesOf, connections, requestsOf, type FuzzedConnection } from './fuzz-requests.js';

const REQUESTS = Number(process.env['FUZZ_REQUESTS'] ?? 2_000);
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
/** Connections whose answers and records are compared together, and how many are open at once: most of the time of one that was torn is waiting for what never comes. */
const BATCH = Math.min(4000, Math.ceil(REQUESTS / 2));
const AT_ONCE = 1000;
/** What the process may grow by once it is warm, whatever came: buffers, caches and tables have bounds. */
const GROWTH_MIB_MAX = 200;
/** Who waits for so many wants to see how far it is. */
const TOLD_FROM = 10_000;
const POLICY = `package precinct.authz\n\nimport rego.v1\n\nallow if {\n\tinput.caller_spiffe_id == "${CALLER}"\n\tinput.tool_name != "forbidden"\n}\n`;

let server: ExactServer;
let gateway: GatewayProcess;

const ok = (idText: string): string => `{"jsonrpc":"2.0","id":${idText},"result":{"content":[]}}`;
/** Now and then the tool server is odd, too. */
const SCRIPTS: readonly ((idText: string) => ExactAnswer)[] = [
  ...Array.from({ length: 12 }, () => (id: string) => ({ pieces: [jsonBytes(ok(id))] })), (id) => ({ pieces: sseBytes([Buffer.from(`: c\n\ndata: ${ok(id)}\n\n`)]) }), (id) => ({ pieces: [Buffer.from(ok(id))], close: true }),
  () => ({ pieces: [], close: true }), () => ({ pieces: [jsonBytes('{"jsonrpc":')] }), (id) => ({ pieces: [Buffer.concat([jsonBytes(ok(id)), jsonBytes(ok(id))])] }), () => ({ pieces: [Buffer.from('HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n')] }),
];

beforeAll(async () => {
  server = await startExactServer(['echo', 'forbidden'].map(toolText));
  let asked = 0;
  server.script = ({ idText }) => SCRIPTS[(asked++ * 7) % SCRIPTS.length]?.(idText) ?? { pieces: [] };
  gateway = await startGateway({
    policies: { 'most.rego': POLICY }, tools: ['echo', 'forbidden'].map((name) => registration(name, server.url)),
    config: {
      front: { body_timeout_s: 1, shed_after_ms: 0 }, audit: { unidentified_per_second: 1_000_000, file_bytes_max: 32 * 1024 * 1024 }, rate_limit: { per_minute: 100_000_000, burst: 100_000_000 },
      breaker: { failures_to_open: 1000 }, policy: { timeout_ms: 10_000 }, upstream: { answer_timeout_ms: 20_000 }, log_level: 'info',
    },
  });
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

interface Line {
  readonly type: string;
  readonly decision_id: string;
  readonly trace_id: string;
  readonly decision: string;
  readonly code: string | null;
}

/** Reads the log as it grows; what was read and rotated is removed, for a million records would fill the disk. */
class Log {
  readonly #dir: string;
  readonly #readTo = new Map<number, number>();

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Lines since the last call. */
  next(): Line[] {
    const rotated = readdirSync(this.#dir).filter((name) => /^audit-\d+\.jsonl$/.test(name)).sort((a, b) => Number(/\d+/.exec(a)) - Number(/\d+/.exec(b)));
    const lines = [...rotated, 'audit.jsonl'].flatMap((name) => this.#rest(join(this.#dir, name)));
    for (const file of rotated.slice(0, -1).map((name) => join(this.#dir, name))) {
      this.#readTo.delete(statSync(file).ino); // a new file may get the number
      rmSync(file);
    }
    return lines;
  }

  #rest(file: string): Line[] {
    const { ino, size } = statSync(file);
    const from = this.#readTo.get(ino) ?? 0;
    const bytes = Buffer.alloc(size - from);
    const handle = openSync(file, 'r');
    readSync(handle, bytes, 0, bytes.length, from);
    closeSync(handle);
    const to = bytes.lastIndexOf(0x0a) + 1;
    this.#readTo.set(ino, from + to);
    return bytes.toString('utf8', 0, to).split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Line);
  }
}

async function playAll(all: readonly FuzzedConnection[]): Promise<Played[]> {
  const played: Played[] = [];
  let at = 0;
  const worker = async (): Promise<void> => {
    for (let n = at++; n < all.length; n = at++) {
      const connection = all[n];
      if (connection !== undefined) played[n] = await play(gateway.port, connection);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return played;
}

function decisionOf(body: Buffer): string | undefined {
  return /"decision_id":"([0-9a-f-]{36})"/.exec(body.toString('latin1'))?.[1];
}

function shown(connection: FuzzedConnection): string {
  const bytes = connection.kind === 'well-formed' ? Buffer.concat(connection.requests.map(bytesOf)) : Buffer.concat(connection.pieces);
  return `${connection.kind}: ${bytes.toString('base64')}`;
}

describe('fuzzed requests', () => {
  it(`(${REQUESTS}, seed ${SEED}) crash nothing, hang nowhere, and leave none unrecorded`, async () => {
    const log = new Log(join(gateway.dir, '.precinct', 'audit'));
    const counts: Record<string, number> = {};
    const count = (what: string, by = 1): void => { counts[what] = (counts[what] ?? 0) + by; };
    const unresolved = new Set<string>();
    let sent = 0;
    let warmMib = 0;
    for (let batch = 0; sent < REQUESTS; batch++) {
      const all = fc.sample(connections, { seed: SEED + batch, numRuns: BATCH });
      const played = await playAll(all);
      sent += all.reduce((sum, connection, n) => sum + requestsOf(connection) - (played[n]?.unsent ?? 0), 0);
      if (REQUESTS >= TOLD_FROM) process.stderr.write(`fuzz: ${sent} of ${REQUESTS} requests, seed ${SEED + batch}, ${Math.round(residentMib(gateway.pid))} MiB\n`);
      const records = log.next().filter(({ type }) => type === 'request');
      const byDecision = new Map(records.map((line) => [line.decision_id, line]));
      const byTrace = new Map(records.map((line) => [line.trace_id, line]));
      for (const line of records) count(`records ${line.decision}`);
      expect(records.filter(({ code }) => code === 'gateway_fault'), `seed ${SEED + batch}`).toEqual([]);
      for (const [n, { answers, end, unsent, unanswered, bytes }] of played.entries()) {
        const connection = all[n];
        if (connection === undefined) continue;
        count(`connections ${connection.kind}`);
        count(`requests ${connection.kind}`, requestsOf(connection) - unsent);
        count(`connections ${end}`);
        expect(end, `seed ${SEED + batch}, ${shown(connection)}`).not.toBe('hung');
        const left = unanswered.map(({ traceId }) => byTrace.get(traceId) ?? traceId);
        expect(left, `seed ${SEED + batch}, ${shown(connection)}, which got ${bytes.toString('base64')}`).toEqual([]);
        for (const { request, message } of answers) {
          count(`answers ${message.startLine.split(' ')[1] ?? ''}`);
          const decision = decisionOf(message.body);
          if (decision !== undefined) expect(byDecision.has(decision), `seed ${SEED + batch}, ${shown(connection)}`).toBe(true);
          // An answer without a decision is a plain one of the front (then nothing reached a route), or an allowed one: that has a record of this trace.
          const isPlain = !/^HTTP\/1\.1 20[02]/.test(message.startLine) || (request !== undefined && !/^(POST|GET|DELETE) \/(mcp|as\/my-agent\/dev(\/mcp)?)?(\?\S*)? /.test(request.head));
          if (request !== undefined && decision === undefined && !isPlain) expect(byTrace.get(request.traceId)?.decision, `seed ${SEED + batch}, ${shown(connection)}`).toBe('ALLOW');
        }
      }
      for (const line of records) if (line.decision === 'ALLOW') unresolved.delete(line.trace_id);
      for (const seen of server.seen.splice(0)) {
        count('calls of the tool server');
        expect(seen.body.toString().includes('"name":"forbidden"') && seen.rpcMethod === 'tools/call', seen.body.toString('base64')).toBe(false);
        const traceId = headerOf(seen, 'traceparent')?.split('-')[1] ?? '';
        if (byTrace.get(traceId)?.decision !== 'ALLOW') unresolved.add(traceId);
      }
      expect(server.unread, 'bytes that are no request').toEqual([]);
      if (batch === 0 || sent < REQUESTS / 10) warmMib = Math.round(residentMib(gateway.pid));
    }
    // Whoever left before an answer came has a record as well, a little later.
    expect(await eventually(() => {
      for (const line of log.next()) if (line.decision === 'ALLOW') unresolved.delete(line.trace_id);
      return unresolved.size === 0;
    }), `calls without a record that allows them: ${[...unresolved].slice(0, 5).join(', ')}`).toBe(true);
    const answer = await gateway.post(call('unknown'));
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect((await gateway.http('GET', '/health')).status).toBe(200);
    expect(gateway.stderr()).not.toMatch(/"level":(50|60)/);
    const endMib = Math.round(residentMib(gateway.pid));
    console.log([`fuzz: seed ${SEED}, ${sent} requests`, ...Object.keys(counts).sort().map((what) => `  ${what.padEnd(32)} ${String(counts[what]).padStart(9)}`), `  ${'resident, warm and at the end'.padEnd(32)} ${warmMib} MiB, ${endMib} MiB`].join('\n'));
    expect(endMib - warmMib).toBeLessThan(GROWTH_MIB_MAX);
  }, 120_000 + REQUESTS * 20);
});
