// Layer 1 with real clients: whoever sends too much sees the refusal, not a broken connection, and it is one record, whatever the size and framing.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CALLER, permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { startToolServer, type ToolServer } from '../support/tool-server.js';
import { call, eventually, registration, toolText } from './calls.js';

const MIB = 1024 * 1024;

let server: ToolServer;
let gateway: GatewayProcess;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'precinct-size-'));
  server = await startToolServer({ tools: [toolText('echo')] });
  gateway = await startGateway({ policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url)], config: { front: { body_timeout_s: 1 } } });
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

function curl(...words: string[]): Promise<{ readonly status: number; readonly json: Record<string, unknown> }> {
  const child = spawn('curl', ['-s', '-o', '-', '-w', '\n%{http_code}', '-H', 'Content-Type: application/json', '-H', `X-SPIFFE-ID: ${CALLER}`, ...words, gateway.url]);
  let text = '';
  child.stdout.on('data', (part: Buffer) => { text += part.toString(); });
  return new Promise((resolve) => child.on('close', () => {
    const at = text.lastIndexOf('\n');
    const body = text.slice(0, at);
    resolve({ status: Number(text.slice(at + 1)), json: body === '' ? {} : (JSON.parse(body) as Record<string, unknown>) });
  }));
}

function fileOf(bytes: number): string {
  const file = join(folder, `${bytes}.json`);
  const empty = call('echo', { text: '' }).length;
  writeFileSync(file, call('echo', { text: 'x'.repeat(bytes - empty) }));
  return file;
}

describe('a body for curl', () => {
  it.each([[10 * MIB, 200], [10 * MIB + 1, 413], [20 * MIB, 413]])('of %i bytes gets %i, with a length and in chunks', async (bytes, status) => {
    const file = fileOf(bytes);
    for (const framing of [[], ['-H', 'Transfer-Encoding: chunked'], ['-H', 'Expect:']]) {
      const before = gateway.lines('request').length;
      const answer = await curl('--data-binary', `@${file}`, ...framing);
      expect({ framing, status: answer.status, code: answer.json['code'] }).toEqual({ framing, status, code: status === 200 ? undefined : 'request_too_large' });
      expect(gateway.lines('request').length).toBe(before + 1);
      expect(gateway.lines('request').at(-1)).toMatchObject({ status, decision: status === 200 ? 'ALLOW' : 'DENY' });
    }
  }, 60_000);
});

describe('a body that does not come', () => {
  it.each([['Content-Length: 100'], ['Transfer-Encoding: chunked']])('(%s) is refused after its time, with a record', async (framing) => {
    const before = gateway.lines('request').length;
    let got = '';
    const socket = connect(gateway.port, '127.0.0.1', () => socket.write(`POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${framing}\r\n\r\n`));
    socket.on('data', (part: Buffer) => { got += part.toString(); });
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.on('close', resolve));
    await closed;
    expect(got).toMatch(/^HTTP\/1\.1 503/);
    expect(await eventually(() => gateway.lines('request').length === before + 1)).toBe(true);
    expect(gateway.lines('request').at(-1)).toMatchObject({ code: 'gateway_overloaded', reason_code: 'body_timeout' });
  });

  it('because its sender leaves is recorded as such', async () => {
    const before = gateway.lines('request').length;
    const socket = connect(gateway.port, '127.0.0.1', () => socket.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{', () => setTimeout(() => socket.destroy(), 50)));
    expect(await eventually(() => gateway.lines('request').length === before + 1)).toBe(true);
    expect(gateway.lines('request').at(-1)).toMatchObject({ code: 'client_disconnected', status: 499, decision: 'DENY' });
  });
});
