// A flood of strangers: nobody is answered without being counted, the chain stays whole, and the disk does not fill with them.
// FLOOD_REQUESTS sets how many; `node test/soak/flood.mjs --requests 100000` is the long form.
import { Agent, request } from 'node:http';
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CALLER, startGateway, type GatewayProcess } from '../support/gateway-process.js';

const AGW = fileURLToPath(new URL('../../bin/agw', import.meta.url));
const REQUESTS = Number(process.env['FLOOD_REQUESTS'] ?? 5_000);
const CONNECTIONS = 1_000;
const LINES_PER_SECOND_MAX = 102;
const LINE_BYTES_MAX = 3_000;
const BODY = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await startGateway({ identities: { identities: [{ spiffe_id: CALLER }] }, tools: [] });
});

afterAll(async () => {
  await gateway.stop();
});

function flood(count: number): Promise<Map<number, number>> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const statuses = new Map<number, number>();
  let sent = 0;
  let settled = 0;
  return new Promise((resolve, reject) => {
    const next = (): void => {
      if (sent >= count) return;
      sent++;
      const one = request({ host: '127.0.0.1', port: gateway.port, method: 'POST', path: '/', agent, headers: { 'content-type': 'application/json', 'content-length': BODY.length } }, (response) => {
        response.resume();
        response.on('end', () => {
          statuses.set(response.statusCode ?? 0, (statuses.get(response.statusCode ?? 0) ?? 0) + 1);
          settled++;
          if (settled === count) {
            agent.destroy();
            resolve(statuses);
          } else next();
        });
      });
      one.on('error', reject);
      one.end(BODY);
    };
    for (let i = 0; i < Math.min(CONNECTIONS, count); i++) next();
  });
}

describe('a flood of requests without an identity', () => {
  it(`of ${REQUESTS} is answered and counted whole, in few lines`, async () => {
    const auditDir = join(gateway.dir, '.precinct', 'audit');
    const statuses = await flood(REQUESTS);
    expect([...statuses]).toEqual([[401, REQUESTS]]);
    const lines = gateway.lines('request').filter((line) => line['code'] === 'auth_missing_identity');
    const counted = lines.reduce((sum, line) => sum + Number(line['repeated'] ?? 1), 0);
    expect(counted).toBe(REQUESTS);
    const bytes = readdirSync(auditDir).filter((name) => name.endsWith('.jsonl')).reduce((sum, name) => sum + statSync(join(auditDir, name)).size, 0);
    const seconds = new Set(lines.map((line) => String(line['timestamp']).slice(0, 19))).size;
    // 100 lines of their own and one shared line for this one source, in each second that was touched.
    expect(lines.length).toBeLessThanOrEqual((seconds + 1) * LINES_PER_SECOND_MAX);
    expect(bytes).toBeLessThan((seconds + 1) * LINES_PER_SECOND_MAX * LINE_BYTES_MAX);
    const verified = spawnSync(process.execPath, [AGW, 'audit', 'verify', '--json'], { cwd: gateway.dir, encoding: 'utf8' });
    expect(verified.status, verified.stdout + verified.stderr).toBe(0);
    console.log(`flood: ${REQUESTS} requests from one source over ${CONNECTIONS} connections, ${lines.length} lines in ${seconds} s, ${bytes} bytes on disk, ${Math.round(bytes / seconds)} bytes/s, ${(bytes / REQUESTS).toFixed(1)} bytes per request`);
  }, 60_000 + REQUESTS * 10);
});
