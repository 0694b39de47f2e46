// SIGTERM: what is under way is answered and recorded, streams see a proper end, and nothing is left over the state folder.
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServerResponse } from 'node:http';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { jsonAnswer, resultFor, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { call, eventually, MCP, openSession, openStream, registration, toolText } from './calls.js';

let server: ScriptedServer;
let gateway: GatewayProcess;

beforeEach(async () => {
  server = await startScriptedServer([toolText('echo')]);
  gateway = await startGateway({ policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url)], config: { shutdown_grace_s: 3 } });
});

afterEach(async () => {
  await gateway.stop();
  await server.close();
});

function isAlive(): boolean {
  try {
    process.kill(gateway.pid, 0);
    return existsSync(`/proc/${gateway.pid}`);
  } catch {
    return false;
  }
}

describe('a gateway that is told to stop', () => {
  it('answers what is under way, ends streams, and exits by itself', async () => {
    const held: { response: ServerResponse; idText: string }[] = [];
    server.script = ({ idText }, response) => void held.push({ response, idText });
    const session = await openSession(gateway);
    const stream = openStream(gateway, 'GET', session);
    expect(await eventually(() => stream.text.includes(': open'))).toBe(true);
    const calls = [1, 2, 3].map((id) => gateway.post(call('echo', {}, id), id === 3 ? MCP : {}));
    expect(await eventually(() => held.length === 3)).toBe(true);
    process.kill(gateway.pid, 'SIGTERM');
    expect(await eventually(() => stream.ended)).toBe(true);
    for (const { response, idText } of held) jsonAnswer(response, resultFor(idText, 'late but whole'));
    const answers = await Promise.all(calls);
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200]);
    expect(await eventually(() => !isAlive())).toBe(true);
    const lines = gateway.lines();
    expect(lines.filter((line) => line['type'] === 'request' && line['tool'] === 'echo')).toHaveLength(3);
    expect(lines.filter((line) => line['type'] === 'stream_end')).toHaveLength(1);
    expect(existsSync(join(gateway.dir, '.precinct', 'gateway.pid'))).toBe(false);
  });

  it('does not wait longer than its grace for a tool that hangs, and records that call too', async () => {
    server.script = () => undefined;
    const left = gateway.post(call('echo', {}, 'hung')).catch((fault: unknown) => fault);
    expect(await eventually(() => server.of('tools/call').length === 1)).toBe(true);
    process.kill(gateway.pid, 'SIGTERM');
    expect(await eventually(() => !isAlive())).toBe(true);
    await left;
    expect(gateway.lines('request').filter((line) => line['tool'] === 'echo')).toHaveLength(1);
  });

  it('refuses new connections while it drains', async () => {
    server.script = () => undefined;
    const left = gateway.post(call('echo')).catch(() => undefined);
    expect(await eventually(() => server.of('tools/call').length === 1)).toBe(true);
    process.kill(gateway.pid, 'SIGTERM');
    expect(await eventually(() => new Promise<boolean>((resolve) => {
      const socket = connect(gateway.port, '127.0.0.1');
      socket.on('error', () => resolve(true));
      socket.on('connect', () => {
        socket.destroy();
        resolve(false);
      });
    }))).toBe(true);
    expect(isAlive()).toBe(true);
    await left;
  });
});
