// The gateway's own certificate and its trust bundle replaced under open connections: the new ones count, without a restart.
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { makeAuthority, makeServerCertificate, makeSvid, validAround } from '../support/pki.js';
import { eventually } from './calls.js';

const AGENT = 'spiffe://poc.local/agents/mcp-client/tls-agent/dev';
const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
const now = Date.now();
const [first, second] = [makeAuthority('first authority'), makeAuthority('second authority')];
const svid = makeSvid(first, AGENT, validAround(now));
const nextSvid = makeSvid(second, AGENT, validAround(now));

let gateway: GatewayProcess;
let port = 0;

beforeAll(async () => {
  const own = makeServerCertificate(first, now);
  gateway = await startGateway({
    config: { tls: { enabled: true, port: 0, certificate_file: 'config/tls/gateway.pem', private_key_file: 'config/tls/gateway.key', trust_bundle_file: 'config/tls/bundle.pem' } },
    startedIn: tmpdir(), // names of files are the project's, wherever a service manager starts the program
    policies: { 'all.rego': permitAll() }, files: { 'config/tls/gateway.pem': own.pem, 'config/tls/gateway.key': own.privateKeyPem, 'config/tls/bundle.pem': first.pem },
  });
  await eventually(() => /listening: https:\S+:\d+/.test(gateway.stderr()));
  port = Number(/listening: https:\/\/127\.0\.0\.1:(\d+)/.exec(gateway.stderr())?.[1]);
});

afterAll(async () => {
  await gateway.stop();
});

interface Connection {
  readonly socket: TLSSocket;
  readonly closed: () => boolean;
  /** The status of one ping over this connection; 'closed' when it ends instead. */
  ping(): Promise<string>;
}

function open(proof = svid): Promise<Connection | undefined> {
  return new Promise((resolve) => {
    let closed = false;
    let listener: ((text: string) => void) | undefined;
    const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ca: [first.pem, second.pem], cert: proof.pem, key: proof.privateKeyPem });
    const end = (): void => {
      closed = true;
      listener?.('closed');
      resolve(undefined);
    };
    socket.on('error', end);
    socket.on('close', end);
    socket.on('data', (part) => listener?.(/^HTTP\/1\.1 (\d{3})/.exec(part.toString('latin1'))?.[1] ?? 'no status'));
    socket.on('secureConnect', () => resolve({
      socket, closed: () => closed,
      ping: () => new Promise((answer) => {
        if (closed) return answer('closed');
        listener = answer;
        socket.write(`POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${PING.length}\r\n\r\n${PING}`);
      }),
    }));
  });
}

async function statusOf(proof = svid): Promise<string> {
  const connection = await open(proof);
  const status = (await connection?.ping()) ?? 'closed';
  connection?.socket.destroy();
  return status;
}

describe('the gateway\'s own certificate', () => {
  it('replaced on disk is the one that new clients see, and old connections go on or end cleanly', async () => {
    const before = await open();
    const seen = before?.socket.getPeerCertificate().fingerprint256;
    expect(await before?.ping()).toBe('200');
    const fresh = makeServerCertificate(first, now + 1000);
    writeFileSync(join(gateway.dir, 'config/tls/gateway.key'), fresh.privateKeyPem);
    writeFileSync(join(gateway.dir, 'config/tls/gateway.pem'), fresh.pem);
    expect(await eventually(async () => {
      const after = await open();
      const now = after?.socket.getPeerCertificate().fingerprint256;
      after?.socket.destroy();
      return now !== undefined && now !== seen;
    })).toBe(true);
    expect(await statusOf()).toBe('200');
    expect(['200', 'closed']).toContain(await before?.ping());
    before?.socket.destroy();
  });

  it('and its end are in the status and the metrics', async () => {
    const fresh = makeServerCertificate(first, now - 60_000);
    const ends = new X509Certificate(fresh.pem).validTo;
    writeFileSync(join(gateway.dir, 'config/tls/gateway.key'), fresh.privateKeyPem);
    writeFileSync(join(gateway.dir, 'config/tls/gateway.pem'), fresh.pem);
    const said = async (): Promise<unknown> => (await gateway.control('GET', '/v1/status')).json['listeners'];
    const told = { kind: 'mtls', certificate_expires_at: new Date(ends).toISOString() };
    expect(await eventually(async () => JSON.stringify(await said()).includes(told.certificate_expires_at))).toBe(true);
    expect(await said()).toMatchObject([{ kind: 'http' }, told]);
    expect((await gateway.control('GET', '/metrics')).text).toContain(`precinct_tls_certificate_expiry_timestamp_seconds ${Date.parse(ends) / 1000}`);
  });

  it('that is no certificate, or not the key\'s, is refused and the old one stays', async () => {
    for (const bad of ['no certificate\n', makeServerCertificate(second, now).pem]) {
      const good = (await open())?.socket.getPeerCertificate().fingerprint256;
      const said = gateway.stderr().length;
      writeFileSync(join(gateway.dir, 'config/tls/gateway.pem'), bad);
      expect(await eventually(() => gateway.stderr().slice(said).includes('gateway.'))).toBe(true);
      expect(await statusOf()).toBe('200');
      expect((await open())?.socket.getPeerCertificate().fingerprint256).toBe(good);
    }
  });
});

describe('the trust bundle', () => {
  it('that no longer has an authority ends what that authority vouched for, on open connections as well', async () => {
    const own = makeServerCertificate(first, now + 2000);
    writeFileSync(join(gateway.dir, 'config/tls/gateway.key'), own.privateKeyPem);
    writeFileSync(join(gateway.dir, 'config/tls/gateway.pem'), own.pem);
    const before = await open();
    expect(await before?.ping()).toBe('200');
    writeFileSync(join(gateway.dir, 'config/tls/bundle.pem'), second.pem);
    expect(await eventually(async () => (await statusOf(nextSvid)) === '200')).toBe(true);
    expect(['401', 'closed']).toContain(await statusOf(svid));
    expect(['401', 'closed']).toContain(await before?.ping());
    before?.socket.destroy();
  });
});
