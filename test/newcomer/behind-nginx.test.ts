// The nginx configuration of docs/operations.md, before a real gateway: calls, events as they come, large bodies and WebSockets pass.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/free-port.js';
import { CALLER, permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { openRawWebSocket } from '../support/raw-websocket.js';
import { jsonAnswer, resultFor, sseHead, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { call, eventually, MCP, registration, toolText } from '../wire/calls.js';

const PAGE = readFileSync(fileURLToPath(new URL('../../docs/operations.md', import.meta.url)), 'utf8');
const BLOCK = /```nginx\n([^]*?)```/.exec(PAGE)?.[1] ?? '';
const MEBIBYTES = 3 * 1024 * 1024;

function hasNginx(): boolean {
  try {
    execFileSync('nginx', ['-v'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

let server: ScriptedServer;
let gateway: GatewayProcess;
let nginx: ChildProcess;
let port: number;
let dir: string;

describe.skipIf(!hasNginx())('behind nginx (needs nginx)', () => {
  beforeAll(async () => {
    server = await startScriptedServer(['echo'].map(toolText));
    gateway = await startGateway({ policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url)] });
    dir = mkdtempSync(join(tmpdir(), 'precinct-nginx-'));
    port = await freePort();
    const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${join(dir, name)};`).join(' ');
    const here = BLOCK.replace('127.0.0.1:9090', `127.0.0.1:${gateway.port}`).replace('server {', `server { listen 127.0.0.1:${port};`);
    writeFileSync(join(dir, 'nginx.conf'), `daemon off; master_process off; pid ${join(dir, 'pid')}; error_log stderr crit; events {} http { access_log off; ${temp} ${here} }`);
    nginx = spawn('nginx', ['-p', dir, '-c', join(dir, 'nginx.conf')], { stdio: 'ignore' });
    expect(await eventually(async () => (await send('GET', '/health')).status === 200)).toBe(true);
  });

  afterAll(async () => {
    nginx.kill();
    await gateway.stop();
    await server.close();
    rmSync(dir, { recursive: true, force: true });
  });

  it('a call passes, and so does one of some megabytes', async () => {
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
    for (const text of ['short', 'x '.repeat(MEBIBYTES / 2)]) {
      const answer = await send('POST', '/mcp', call('echo', { text }));
      expect([answer.status, answer.text.includes('fine')]).toEqual([200, true]);
    }
  });

  it('an event comes before its stream ends', async () => {
    let end = (): void => undefined;
    server.script = ({ idText }, response) => {
      sseHead(response);
      response.write('data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"first"}}\n\n');
      end = () => void response.end(`data: ${resultFor(idText, 'last')}\n\n`);
    };
    let text = '';
    const answer = send('POST', '/mcp', call('echo'), (part) => { text += part; });
    expect(await eventually(() => text.includes('first'))).toBe(true);
    expect(text).not.toContain('last');
    end();
    expect((await answer).text).toContain('last');
  });

  it('a WebSocket is upgraded', async () => {
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
    const socket = await openRawWebSocket(port, { path: '/mcp', lines: [`X-SPIFFE-ID: ${CALLER}`] });
    socket.send(call('echo', {}, 'one'));
    expect(JSON.stringify(await socket.answer('one'))).toContain('fine');
    socket.socket.destroy();
  });
});

function send(method: string, path: string, body?: string, onPart: (part: string) => void = () => undefined): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve) => {
    const one = request({ host: '127.0.0.1', port, method, path, agent: false, headers: { ...MCP, 'x-spiffe-id': CALLER, 'content-type': 'application/json' } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => { text += part; onPart(part); }).on('close', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    one.on('error', () => resolve({ status: 0, text: '' }));
    one.end(body);
  });
}
