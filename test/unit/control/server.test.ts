// The control plane's server over a real unix socket: who may connect, which routes, what goes wrong and how that is said.
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NO_RESOURCE } from '../../../src/cli/control-client.js';
import { memberOf, numberMember, optionalText, textMember } from '../../../src/control/reading.js';
import { ControlFault, serveControl, type ControlServer, type Route } from '../../../src/control/server.js';

let dir: string;
let socketPath: string;
let server: ControlServer | undefined;
const faults: unknown[] = [];
const routes: Route[] = [
  { method: 'GET', path: '/v1/things', answer: ({ query }) => ({ status: 200, json: { q: query.get('q') } }) },
  { method: 'GET', path: '/v1/things/*', answer: ({ name }) => ({ status: 200, json: { name } }) },
  { method: 'POST', path: '/v1/things/*/do', answer: ({ name, body }) => ({ status: 200, json: { name, body } }) },
  { method: 'GET', path: '/v1/refused', answer: () => Promise.reject(new ControlFault(422, 'reload_refused', 'a rule is wrong', { file: 'a.rego', line: 3, column: 7 })) },
  { method: 'GET', path: '/v1/broken', answer: () => {
    throw new TypeError('inner');
  } },
  { method: 'GET', path: '/metrics', answer: () => ({ status: 200, text: 'a 1\n' }) },
];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'control-'));
  socketPath = join(dir, 'control.sock');
  faults.length = 0;
  server = await serveControl(socketPath, routes, (fault) => void faults.push(fault));
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  rmSync(dir, { recursive: true, force: true });
});

function ask(method: string, path: string, body?: string | Buffer): Promise<{ status: number; type: string; text: string; json: () => unknown }> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => void parts.push(part));
      response.on('end', () => {
        const text = Buffer.concat(parts).toString('utf8');
        resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', text, json: () => JSON.parse(text) as unknown });
      });
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

describe('the control socket', () => {
  it('belongs to its user alone', () => {
    expect(statSync(socketPath).mode & 0o777).toBe(0o600);
  });

  it('takes the place of what a dead gateway left', async () => {
    await server?.close();
    writeFileSync(socketPath, '');
    server = await serveControl(socketPath, routes, () => undefined);
    expect((await ask('GET', '/v1/things')).status).toBe(200);
  });

  it('can not be made where there is no folder, and says so by rejecting', async () => {
    await expect(serveControl(join(dir, 'nowhere', 'control.sock'), routes, () => undefined)).rejects.toMatchObject({ code: expect.any(String) as string });
  });

  it('is gone after it was closed', async () => {
    await server?.close();
    server = undefined;
    await expect(ask('GET', '/v1/things')).rejects.toThrow();
  });
});

describe('a control route', () => {
  it('gets its query, its name decoded, and its body', async () => {
    expect((await ask('GET', '/v1/things?q=a%20b')).json()).toEqual({ q: 'a b' });
    expect((await ask('GET', '/v1/things/a%2Fb%20c')).json()).toEqual({ name: 'a/b c' });
    expect((await ask('POST', '/v1/things/x/do', '{"a":1}')).json()).toEqual({ name: 'x', body: { a: 1 } });
    expect((await ask('POST', '/v1/things/x/do', String.raw`{"one":{"told":1,"b\\":1},"two":{"told":1,"b\u0062":2}}`)).text).toBe(String.raw`{"name":"x","body":{"one":{"told":1,"b\\":1},"two":{"told":1,"bb":2}}}`);
    expect((await ask('POST', '/v1/things/x/do')).json()).toEqual({ name: 'x', body: {} });
  });

  it('answers text as text', async () => {
    expect(await ask('GET', '/metrics')).toMatchObject({ status: 200, type: expect.stringMatching(/^text\/plain/) as string, text: 'a 1\n' });
  });

  it.each([['GET', '/v1/nothing'], ['POST', '/v1/things'], ['DELETE', '/v1/things'], ['GET', '/v1/things/a/b'], ['GET', '/v1/things/%E0%A4%A'], ['GET', '//v1/things'], ['GET', '/v1/things/'.replace(/\/$/, '//x')]])('is not found by %s %s', async (method, path) => {
    const answer = await ask(method, path);
    expect([answer.status, answer.json()]).toMatchObject([404, { error: { code: 'not_found', message: NO_RESOURCE } }]);
  });

  it('that refuses says where and why', async () => {
    expect((await ask('GET', '/v1/refused')).json()).toEqual({ error: { code: 'reload_refused', message: 'a rule is wrong', file: 'a.rego', line: 3, column: 7 } });
    expect(faults).toEqual([]);
  });

  it('that breaks is a 500 and is told to the log', async () => {
    const answer = await ask('GET', '/v1/broken');
    expect([answer.status, answer.json(), faults.length]).toMatchObject([500, { error: { code: 'gateway_fault' } }, 1]);
  });

  it('does not take what is no JSON', async () => {
    const answer = await ask('POST', '/v1/things/x/do', '{"a":');
    expect([answer.status, answer.json()]).toMatchObject([400, { error: { code: 'not_json' } }]);
  });

  it.each([1024 * 1024 + 1, 20 * 1024 * 1024])('answers a body of %d bytes with 413, and goes on serving', async (bytes) => {
    const answer = await ask('POST', '/v1/things/x/do', Buffer.alloc(bytes, 0x20));
    expect([answer.status, answer.json()]).toMatchObject([413, { error: { code: 'request_too_large' } }]);
    expect((await ask('GET', '/v1/things')).status).toBe(200);
  });
});

describe('reading members', () => {
  const code = (work: () => unknown): unknown => {
    try {
      return work();
    } catch (fault) {
      return fault instanceof ControlFault ? [fault.status, fault.code] : fault;
    }
  };
  it('names what is missing or of the wrong kind', () => {
    expect(code(() => textMember({}, 'name'))).toEqual([400, 'member_missing']);
    expect(code(() => textMember({ name: '' }, 'name'))).toEqual([400, 'member_missing']);
    expect(code(() => textMember({ name: 7 }, 'name'))).toEqual([400, 'member_wrong']);
    expect(code(() => numberMember({ ttl: '7' }, 'ttl'))).toEqual([400, 'member_wrong']);
    expect(code(() => numberMember({ ttl: Number.NaN }, 'ttl'))).toEqual([400, 'member_wrong']);
    expect([optionalText({ a: null }, 'a'), optionalText(null, 'a'), optionalText('text', 'length')]).toEqual([undefined, undefined, undefined]);
  });
  it('sees own members only', () => {
    expect([memberOf({}, 'constructor'), memberOf(JSON.parse('{"__proto__":{"a":1}}'), 'a'), memberOf([], 'length') === undefined ? 'none' : 'own']).toEqual([undefined, undefined, 'own']);
  });
});
