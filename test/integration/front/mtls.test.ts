// Over the wire: native mTLS with certificates made by openssl: who gets in, what evidence layer 3 is given, and replacing certificates.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type ConnectionOptions } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { X509Certificate } from 'node:crypto';
import { tlsFilesOf } from '../../../src/front/tls-files.js';
import { gatewayConfigSchema } from '../../../src/base/config/schema.js';
import { openRawSse } from '../../support/raw-sse.js';
import { openRawWebSocket } from '../../support/raw-websocket.js';
import { HOST, open, post, startRig, statusOf, temporaryDir, type Rig } from './wire.js';

const dir = temporaryDir();
const file = (name: string) => join(dir, name);
const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { stdio: 'pipe' });

function makeAuthority(name: string): void {
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${name}`, '-keyout', file(`${name}.key`), '-out', file(`${name}.pem`));
}

function makeLeaf(name: string, authority: string, subjectAltName: string): void {
  openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`, '-keyout', file(`${name}.key`), '-out', file(`${name}.csr`));
  writeFileSync(file(`${name}.ext`), `subjectAltName=${subjectAltName}\nkeyUsage=critical,digitalSignature\n`);
  openssl('x509', '-req', '-in', file(`${name}.csr`), '-CA', file(`${authority}.pem`), '-CAkey', file(`${authority}.key`), '-CAcreateserial', '-days', '1', '-extfile', file(`${name}.ext`), '-out', file(`${name}.pem`));
}

interface Said {
  readonly answer: string;
  readonly error: string;
  readonly server: string;
}

function say(port: number, options: ConnectionOptions, sent: Buffer | string = post('{}')): Promise<Said> {
  return new Promise((resolve) => {
    let answer = '';
    let error = '';
    let server = '';
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options }, () => {
      server = socket.getPeerCertificate().subject?.CN ?? '';
      socket.write(sent);
    });
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      if (answer.includes('}')) socket.end();
    });
    socket.on('error', (cause: NodeJS.ErrnoException) => { error = cause.code ?? cause.message; });
    socket.on('close', () => resolve({ answer, error, server }));
  });
}

const identity = (name: string): ConnectionOptions => ({ key: readFileSync(file(`${name}.key`)), cert: readFileSync(file(`${name}.pem`)) });
const filesOf = (server: string, bundle: string) => ({ certificateFile: file(`${server}.pem`), privateKeyFile: file(`${server}.key`), trustBundleFile: file(`${bundle}.pem`) });

let rig: Rig;
let port = 0;
beforeAll(async () => {
  for (const authority of ['ca-one', 'ca-two']) makeAuthority(authority);
  makeLeaf('server-one', 'ca-one', 'DNS:localhost');
  makeLeaf('server-two', 'ca-two', 'DNS:localhost');
  makeLeaf('agent-one', 'ca-one', 'URI:spiffe://poc.local/agents/mcp-client/a/dev');
  makeLeaf('agent-two', 'ca-two', 'URI:spiffe://poc.local/agents/mcp-client/b/dev');
  const { certificateFile, privateKeyFile, trustBundleFile } = filesOf('server-one', 'ca-one');
  rig = await startRig({ tls: { enabled: true, port: 0, certificate_file: certificateFile, private_key_file: privateKeyFile, trust_bundle_file: trustBundleFile } });
  port = rig.front.listeners.find(({ kind }) => kind === 'mtls')?.port ?? 0;
});
afterAll(() => rig.front.drain(0));

describe('mTLS', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)('hands over the certificate of a client over %s', async (version) => {
    const { answer, server } = await say(port, { ...identity('agent-one'), minVersion: version, maxVersion: version });
    expect([statusOf(answer), server]).toEqual([200, 'server-one']);
    const evidence = rig.seen.at(-1)?.inbound.evidence;
    expect(evidence).toMatchObject({ tls: true, loopback: true, ip: '127.0.0.1' });
    expect(new X509Certificate(evidence?.certificatePem ?? '').subjectAltName).toBe('URI:spiffe://poc.local/agents/mcp-client/a/dev');
  });
  it('hands over no certificate where the client sent none, for layer 3 to refuse', async () => {
    const { answer } = await say(port, {});
    expect(statusOf(answer)).toBe(200);
    expect(rig.seen.at(-1)?.inbound.evidence).toMatchObject({ tls: true, certificatePem: '' });
  });
  it('ends the handshake with a certificate of another authority', async () => {
    const before = rig.seen.length;
    const { answer, error } = await say(port, identity('agent-two'));
    expect(answer).toBe('');
    expect(error).not.toBe('');
    expect(rig.seen).toHaveLength(before);
  });
  it('speaks no plain HTTP on the TLS port, and gives no certificate on the plain one', async () => {
    const before = rig.seen.length;
    expect(statusOf(await open(port, post('{}')).closed)).toBe(0);
    expect(rig.seen).toHaveLength(before);
    const plain = open(rig.front.listeners.find(({ kind }) => kind === 'http')?.port ?? 0, post('{}'));
    await plain.until('}');
    plain.socket.destroy();
    expect(rig.seen.at(-1)?.inbound.evidence).toMatchObject({ tls: false, certificatePem: '' });
  });
});

/** It closes in one of the next turns of the loop, and the kernel resets what comes in the very moment: a test that connects from within this process meets that. */
const listenerIsGone = (): Promise<void> => sleep(50);

describe('replacing certificates', () => {
  afterEach(listenerIsGone);
  it('changes nothing when the new files are bad, and says which', () => {
    writeFileSync(file('empty.pem'), '');
    writeFileSync(file('broken.pem'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    const good = filesOf('server-one', 'ca-one');
    for (const [bad, culprit] of [
      [{ ...good, trustBundleFile: file('empty.pem') }, file('empty.pem')],
      [{ ...good, certificateFile: file('broken.pem') }, file('broken.pem')],
      [{ ...good, certificateFile: file('absent.pem') }, file('absent.pem')],
      [{ ...good, privateKeyFile: file('server-two.key') }, file('server-two.key')],
      [tlsFilesOf(gatewayConfigSchema.parse({}).tls), 'config/gateway.yaml'],
    ] as const) {
      let thrown: unknown;
      try {
        rig.front.replaceTls(bad);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toMatchObject({ name: 'FrontTlsError', file: culprit });
    }
  });
  it('ends WebSockets of the old ones when what is under way is answered, and takes no further message of theirs', async () => {
    const socket = await openRawWebSocket(port, { tls: { ca: readFileSync(file('ca-one.pem'), 'utf8'), cert: readFileSync(file('agent-one.pem'), 'utf8'), key: readFileSync(file('agent-one.key'), 'utf8') } });
    socket.send('{}');
    await socket.message(0);
    expect(new X509Certificate(rig.seen.at(-1)?.inbound.evidence.certificatePem ?? '').subjectAltName).toBe('URI:spiffe://poc.local/agents/mcp-client/a/dev');
    expect(rig.seen.at(-1)?.inbound).toMatchObject({ evidence: { tls: true, ip: '127.0.0.1' }, headers: { headerless: true } });
    rig.front.replaceTls(filesOf('server-one', 'ca-one'));
    expect(await socket.closed).toEqual({ code: 1001, reason: 'certificates_replaced' });
  });
  it('ends streams of HTTP+SSE of the old ones likewise, which took no POST without their certificate', async () => {
    const tls = { ca: readFileSync(file('ca-one.pem'), 'utf8'), cert: readFileSync(file('agent-one.pem'), 'utf8'), key: readFileSync(file('agent-one.key'), 'utf8') };
    const stream = await openRawSse(port, { tls });
    expect((await stream.post('{}')).status).toBe(202);
    expect(rig.seen.at(-1)?.inbound).toMatchObject({ evidence: { tls: true, certificatePem: expect.stringContaining('BEGIN CERTIFICATE') as string }, headers: { headerless: true } });
    expect((await stream.post('{}', { tls: { ...tls, cert: '', key: '' } })).status).toBe(404);
    rig.front.replaceTls(filesOf('server-one', 'ca-one'));
    expect(await stream.closed).toEqual({ whole: true, comment: 'certificates_replaced' });
    await listenerIsGone();
    expect((await stream.post('{}')).status).toBe(404);
  });
  it('answers the next request of a connection that was kept, where no authority is taken away, and opens no stream on it', async () => {
    const keep = async (sent: string | Uint8Array): Promise<() => Promise<string>> => {
      const kept = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...identity('agent-one') });
      let answer = '';
      kept.on('data', (part: Buffer) => { answer += part.toString('latin1'); });
      kept.on('error', () => undefined);
      const closed = new Promise<string>((resolve) => kept.once('close', () => resolve(answer)));
      await new Promise((resolve) => kept.once('secureConnect', resolve));
      return () => {
        kept.write(sent);
        return closed;
      };
    };
    const [call, stream] = [await keep(post('{}', HOST)), await keep(`GET / HTTP/1.1\r\n${HOST}\r\n`)];
    rig.front.replaceTls(filesOf('server-one', 'ca-one'));
    await listenerIsGone(); // with no request under way
    const answer = await call();
    expect(statusOf(answer)).toBe(200);
    expect(answer.toLowerCase()).toContain('connection: close');
    expect(await stream()).toBe('');
  });
  it('takes up a new bundle at once, and ends connections of the old one', async () => {
    expect(statusOf((await say(port, identity('agent-one'))).answer)).toBe(200);
    const kept = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...identity('agent-one') });
    await new Promise((resolve) => kept.once('secureConnect', resolve));
    const before = rig.seen.length;
    rig.front.replaceTls(filesOf('server-two', 'ca-two'));
    const closed = new Promise((resolve) => kept.once('close', resolve));
    kept.on('error', () => undefined);
    kept.write(post('{}', HOST));
    await closed;
    expect(rig.seen).toHaveLength(before);
    const two = await say(port, identity('agent-two'));
    expect([statusOf(two.answer), two.server]).toEqual([200, 'server-two']);
    expect((await say(port, identity('agent-one'))).answer).toBe('');
  });
  it('refuses to start on bad files, and leaves no port open', async () => {
    await expect(startRig({ tls: { enabled: true, port: 0, certificate_file: file('absent.pem') } })).rejects.toMatchObject({ name: 'FrontTlsError' });
  });
  it('does not share its port with a second gateway', async () => {
    const { certificateFile, privateKeyFile, trustBundleFile } = filesOf('server-one', 'ca-one');
    await expect(startRig({ tls: { enabled: true, port, certificate_file: certificateFile, private_key_file: privateKeyFile, trust_bundle_file: trustBundleFile } })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
