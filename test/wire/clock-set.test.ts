// The system's clock is set while the gateway runs, by a person, by NTP, or because the machine slept: what is a time goes with it, what is a duration does not.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { CALLER, permitAll, startGateway, type GatewayProcess, type HttpAnswer } from '../support/gateway-process.js';
import { jwtBundleText, makeJwtAuthority, makeJwtSvid } from '../support/pki.js';
import { openRawWebSocket } from '../support/raw-websocket.js';
import { startToolServer, type ToolServer } from '../support/tool-server.js';
import { call, codeOf, eventually, registration, toolText } from './calls.js';

const SET_CLOCK = fileURLToPath(new URL('set-clock.cjs', import.meta.url));
const HOUR_MS = 3_600_000;
const US_PER_MS = 1000;
const NEAR_MS = 60_000; // of an hour: a busy machine may take seconds
const BURST = 3;
const SEEN_MS = 250; // ten times as long as between two looks of the gateway's threads

const signer = makeJwtAuthority('key-1');
let server: ToolServer;
let gateway: GatewayProcess;

async function start(config: Readonly<Record<string, unknown>> = {}): Promise<void> {
  server = await startToolServer({ tools: [toolText('echo')] });
  gateway = await startGateway({
    policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url)], files: { 'config/jwt.json': jwtBundleText(signer) }, env: { NODE_OPTIONS: `--require ${SET_CLOCK}` },
    config: { threads: { gateway: 1 }, identity: { jwt_bundle_file: 'config/jwt.json', jwt_audience: ['precinct'] }, ...config },
  });
}

afterEach(async () => {
  await gateway.stop();
  await server.close();
});

const send = (): Promise<HttpAnswer> => gateway.post(call('echo'));

async function setClock(byMs: number): Promise<void> {
  writeFileSync(join(gateway.dir, 'clock-set-by-ms'), String(byMs));
  await sleep(SEEN_MS);
}

function respondedMs(): number {
  return ((gateway.lines('request').at(-1)?.['timestamps'] as { responded: number } | undefined)?.responded ?? 0) / US_PER_MS;
}

describe('audit lines', () => {
  it('have the time that the clock says, set forth or back', async () => {
    await start();
    for (const byMs of [HOUR_MS, -HOUR_MS, 0]) {
      await setClock(byMs);
      expect((await send()).status).toBe(200);
      expect(Math.abs(respondedMs() - Date.now() - byMs)).toBeLessThan(NEAR_MS);
    }
  });
});

describe('a proof that has ended by the clock', () => {
  it('ends the WebSocket that it opened, too', async () => {
    await start();
    const nowS = Math.floor(Date.now() / 1000);
    const token = await makeJwtSvid(signer, CALLER, { claims: { iat: nowS - 5, exp: nowS + 600 } });
    const socket = await openRawWebSocket(gateway.port, { lines: [`Authorization: Bearer ${token}`] });
    socket.send('{"jsonrpc":"2.0","id":1,"method":"ping"}');
    expect(await socket.answer(1)).toMatchObject({ result: {} });
    await setClock(HOUR_MS);
    expect(await socket.closed).toMatchObject({ code: 1008 });
  });
});

describe('a clock that is set back by an hour', () => {
  it('keeps no caller out for that hour', async () => {
    await start({ rate_limit: { per_minute: 6000, burst: BURST } });
    expect((await send()).status).toBe(200);
    await setClock(-HOUR_MS);
    let allowed = 0;
    expect(await eventually(async () => {
      if ((await send()).status === 200) allowed++;
      return allowed > BURST;
    })).toBe(true);
  });

  it('keeps no tool out for that hour', async () => {
    await start({ breaker: { failures_to_open: 1, reset_timeout_s: 1 } });
    expect(await eventually(async () => (await send()).status === 200)).toBe(true);
    Object.assign(server, { answering: 'http_500', answeringFor: ['tools/call'] });
    expect(await eventually(async () => codeOf(await send()) === 'circuit_open')).toBe(true);
    server.answering = 'json';
    await setClock(-HOUR_MS);
    expect(await eventually(async () => (await send()).status === 200)).toBe(true);
  });
});
