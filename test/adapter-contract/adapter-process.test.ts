// The worked adapter as a process before a scripted gateway: what evidence and what trace leave it, and how it ends.
import { writeFileSync } from 'node:fs';
import { createServer as createTlsServer, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { makeAuthority, makeServerCertificate, makeSvid, validAround } from '../support/pki.js';
import { until } from '../support/until.js';
import { adapter, ALPHA, answer, BETA, beta, connected, errorOf, gateway, hash, http, invoke, knowing, start, TOKEN, type Seen } from './adapter-rig.js';

describe('the evidence', () => {
  it('is each agent\'s own, over HTTP and WebSocket, at once', async () => {
    await start();
    const sockets = [await connected('key-alpha'), await connected('key-beta')];
    await Promise.all([
      ...Array.from({ length: 10 }, (_, n) => Promise.all([invoke('key-alpha', 'of-alpha', { n }), invoke('key-beta', 'of-beta', { n })])),
      ...sockets.map(async (socket, at) => {
        for (let n = 0; n < 10; n++) socket.send({ kind: 'request', id: String(n), op: 'invoke', action: at === 0 ? 'of-alpha' : 'of-beta' });
        await until(() => socket.frames.filter(({ kind }) => kind === 'response').length === 10);
      }),
    ]);
    const evidence = (tool: string) => new Set(gateway.seen.filter((one) => one.tool === tool).map(({ headers }) => JSON.stringify([headers['x-spiffe-id'], headers.authorization])));
    expect(evidence('of-alpha')).toEqual(new Set([JSON.stringify([ALPHA, undefined])]));
    expect(evidence('of-beta')).toEqual(new Set([JSON.stringify([null, `Bearer ${TOKEN}`])]));
    expect(gateway.seen.filter(({ tool }) => tool !== '')).toHaveLength(40);
    expect(JSON.stringify(gateway.seen)).not.toContain('key-alpha');
    expect(adapter.log).not.toMatch(new RegExp(`key-alpha|key-beta|${TOKEN}`));
  });

  it('is the newest: a renewed JWT-SVID goes out with the next call', async () => {
    await start();
    await invoke('key-beta', 'before');
    writeFileSync(join(adapter.dir, 'beta.jwt'), TOKEN.replace('c2ln', 'bmV3'));
    await invoke('key-beta', 'after');
    expect(gateway.seen.map(({ tool, headers }) => [tool, headers.authorization])).toEqual([['before', `Bearer ${TOKEN}`], ['after', `Bearer ${TOKEN.replace('c2ln', 'bmV3')}`]]);
  });

  it('in the clear is kept from a gateway that is not on loopback', async () => {
    await start({}, { gateway_url: 'http://gateway.example:9090' });
    for (const key of ['key-alpha', 'key-beta']) expect(await invoke(key, 'x')).toMatchObject({ status: 502, body: { error: { code: 'adapter_misconfigured' } } });
    expect(adapter.log).toContain('evidence_refused');
  });

  it('may be an X.509-SVID, one for each agent, and the agents\' side may be TLS as well', async () => {
    const ca = makeAuthority('authority');
    const serving = makeServerCertificate(ca, Date.now());
    const callers: unknown[] = [];
    const secure = createTlsServer({ cert: serving.pem, key: serving.privateKeyPem, ca: ca.pem, requestCert: true, rejectUnauthorized: true }, (request, response) => {
      callers.push((request.socket as TLSSocket).getPeerCertificate().subjectaltname);
      answer(request, response);
    });
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
    const write = (name: string, text: string): string => {
      writeFileSync(join(adapter.dir, name), text);
      return name;
    };
    const agents = [['alpha', ALPHA], ['beta', BETA]].map(([name = '', id = '']) => {
      const svid = makeSvid(ca, id, validAround(Date.now()));
      return { key_sha256: hash(`key-${name}`), spiffe_id: id, cert_file: write(`${name}.pem`, svid.pem), key_file: write(`${name}.key`, svid.privateKeyPem), ca_file: write('ca.pem', ca.pem) };
    });
    writeFileSync(join(adapter.dir, 'x509.json'), JSON.stringify({ agents }));
    await start({}, { listen: { port: 0, cert_file: write('own.pem', serving.pem), key_file: write('own.key', serving.privateKeyPem) }, gateway_url: `https://127.0.0.1:${(secure.address() as AddressInfo).port}`, agents_file: 'x509.json' });
    expect(adapter.url).toMatch(/^https:/);
    for (const key of ['key-alpha', 'key-beta', 'key-alpha']) {
      const status = await new Promise((resolve, reject) => {
        const asked = httpsRequest(new URL('/v1/actions', adapter.url), { method: 'POST', ca: ca.pem, agent: false, headers: { 'courier-key': key } }, (response) => resolve(response.resume().statusCode));
        asked.on('error', reject);
        asked.end('{"action":"echo"}');
      });
      expect(status).toBe(200);
    }
    expect(callers).toEqual([`URI:${ALPHA}`, `URI:${BETA}`, `URI:${ALPHA}`]);
    await new Promise((resolve) => {
      secure.close(resolve);
      secure.closeAllConnections();
    });
  });

  it('that is taken back ends the agent\'s sessions, and nobody else\'s', async () => {
    await start({ heartbeat_s: 1 });
    const [one, other] = [await connected('key-alpha'), await connected('key-beta')];
    one.send({ kind: 'request', id: '1', op: 'invoke', action: 'hang' });
    await until(() => gateway.seen.some(({ tool }) => tool === 'hang'));
    knowing(beta);
    await until(() => one.closed() !== undefined && gateway.hangUps > 0);
    expect(other.closed()).toBeUndefined();
    expect((await invoke('key-alpha', 'x')).status).toBe(401);
  });
});

describe('the trace', () => {
  it('of each request is its own, over HTTP and WebSocket; what is no text is none', async () => {
    await start();
    const given = ['a', 'b', 'c', 'd'].map((digit) => `00-${digit.repeat(32)}-00f067aa0ba902b7-01`);
    const [called = '', listed = '', ...ofFrames] = given;
    const socket = await connected();
    const ops = [{ op: 'invoke', action: 'called' }, { op: 'list' }];
    for (const [at, traceparent] of ofFrames.entries()) socket.send({ kind: 'request', id: `given-${at}`, ...ops[at], traceparent });
    for (const [at, traceparent] of [[called], { toString: 1 }, 1, null, undefined].entries()) socket.send({ kind: 'request', id: `odd-${at}`, op: 'invoke', action: 'odd', traceparent });
    await Promise.all([http('POST', '/v1/actions', 'key-alpha', '{"action":"called"}', { traceparent: called }), http('GET', '/v1/actions', 'key-alpha', undefined, { traceparent: listed })]);
    await until(() => socket.frames.filter(({ ok }) => ok === true).length === 7);
    const traces = (which: (one: Seen) => boolean) => gateway.seen.filter(which).map(({ headers }) => headers['traceparent']);
    expect([traces(({ tool }) => tool === 'called').sort(), traces(({ method }) => method === 'tools/list').sort()]).toEqual([[given[0], given[2]], [given[1], given[3]]]);
    const fresh = traces(({ tool }) => tool === 'odd');
    expect([new Set(fresh).size, fresh.filter((one) => given.includes(String(one)))]).toEqual([5, []]);
  });
});

describe('the end', () => {
  it('cancels what does not end within the grace, says goodbye, and leaves with 0', async () => {
    await start({ shutdown_grace_s: 1 });
    const socket = await connected();
    socket.send({ kind: 'request', id: '1', op: 'invoke', action: 'hang' });
    await until(() => gateway.seen.some(({ tool }) => tool === 'hang'));
    adapter.child?.kill('SIGTERM');
    await until(() => adapter.child?.exitCode !== null);
    await until(() => socket.closed() !== undefined);
    const response = socket.frames.find(({ kind }) => kind === 'response');
    expect([adapter.child?.exitCode, socket.closed(), errorOf(response)]).toEqual([0, 1001, 'cancelled']);
  });

  it('without a config that can be read it does not begin', async () => {
    await start({}, { listen: { host: '0.0.0.0' } });
    await until(() => adapter.child?.exitCode !== null);
    expect([adapter.child?.exitCode, adapter.log]).toEqual([2, expect.stringContaining('in the clear')]);
  });
});
