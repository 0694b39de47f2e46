// X.509-SVIDs: each rule of the standard broken in turn, paths over intermediates, and names made to be misread.
import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigFault } from '../../../../src/base/config/fault.js';
import { readCertificate } from '../../../../src/engines/identity/certificate.js';
import { createX509SvidVerifier, type X509SvidVerifier } from '../../../../src/engines/identity/x509-svid.js';
import { parseX509Bundle } from '../../../../src/engines/identity/x509-bundle.js';
import { issue, makeAuthority, makeIntermediate, makeSvid, SERVER_AUTH, TEST_NOW_MS, type CertificateFields } from '../../../support/pki.js';

const ID = 'spiffe://poc.local/agents/mcp-client/my-agent/dev';
const HOUR_MS = 3_600_000;
const ca = makeAuthority('root');

function verifierOf(text = ca.pem, trustIntermediates = false): X509SvidVerifier {
  return createX509SvidVerifier({ bundle: { text, file: 'bundle.pem' }, trustIntermediates, cacheEntries: 8 });
}

function ask(pem: string, verifier = verifierOf(), nowMs = TEST_NOW_MS, handshakeBundle = ''): string {
  const result = verifier.verify(pem, 'poc.local', nowMs, handshakeBundle);
  return result.ok ? result.caller.spiffeId : result.reasonCode;
}

describe('createX509SvidVerifier', () => {
  it('takes the identity from a good SVID, until it ends', () => {
    const svid = makeSvid(ca, ID);
    const result = verifierOf().verify(svid.pem, 'poc.local', TEST_NOW_MS, '');
    expect(result).toEqual({ ok: true, caller: { spiffeId: ID, authMethod: 'mtls_svid', principal: expect.objectContaining({ level: 3 }), expiresMs: TEST_NOW_MS + HOUR_MS } });
  });

  it.each<[string, Partial<CertificateFields>, string]>([
    ['expired', { notAfterMs: TEST_NOW_MS - 1000 }, 'certificate_expired'],
    ['not yet valid', { notBeforeMs: TEST_NOW_MS + 1000 }, 'certificate_not_yet_valid'],
    ['a CA', { ca: true }, 'certificate_is_ca'],
    ['no key usage', { keyUsage: [] }, 'digital_signature_missing'],
    ['no digitalSignature', { keyUsage: ['keyEncipherment'] }, 'digital_signature_missing'],
    ['keyCertSign', { keyUsage: ['digitalSignature', 'keyCertSign'] }, 'signing_key_usage'],
    ['cRLSign', { keyUsage: ['digitalSignature', 'cRLSign'] }, 'signing_key_usage'],
    ['server use only', { extendedKeyUsage: [SERVER_AUTH] }, 'client_auth_missing'],
    ['no URI', { uris: [] }, 'uri_san_missing'],
    ['the id as a DNS name', { uris: [], dnsNames: [ID] }, 'uri_san_missing'],
    ['a DNS name that would read as a second entry', { uris: [], dnsNames: [`x, URI:${ID}`] }, 'uri_san_missing'],
    ['two URIs', { uris: [ID, 'spiffe://poc.local/system/x'] }, 'uri_san_not_unique'],
    ['the same URI twice', { uris: [ID, ID] }, 'uri_san_not_unique'],
    ['an id and another URI', { uris: [ID, 'https://poc.local/'] }, 'uri_san_not_unique'],
    ['a URI that would read as two', { uris: [`spiffe://poc.local/x, URI:${ID}`] }, 'malformed_spiffe_id'],
    ['a URI with a NUL', { uris: [`${ID}\u0000.evil`] }, 'malformed_spiffe_id'],
    ['a web URI', { uris: ['https://poc.local/x'] }, 'malformed_spiffe_id'],
    ['the bare trust domain', { uris: ['spiffe://poc.local'] }, 'malformed_spiffe_id'],
    ['another trust domain', { uris: ['spiffe://other.local/x'] }, 'wrong_trust_domain'],
    ['an unknown critical extension', { extensions: [{ oid: '1.2.3.4', critical: true, value: Buffer.from([5, 0]) }] }, 'unknown_critical_extension'],
    ['an extension twice', { extensions: [{ oid: '2.5.29.17', critical: false, value: Buffer.from([0x30, 0]) }] }, 'malformed_certificate'],
  ])('refuses %s', (_what, more, reason) => {
    expect(ask(makeSvid(ca, ID, more).pem)).toBe(reason);
  });

  it('has the connection end where the certificate has expired, for its holder can show no other on it', () => {
    const at = (nowMs: number) => verifierOf().verify(makeSvid(ca, ID).pem, 'poc.local', nowMs, '');
    expect(at(TEST_NOW_MS + HOUR_MS + 1)).toMatchObject({ reasonCode: 'certificate_expired', endsConnection: true, remediation: expect.stringContaining('Connect anew') as string });
    expect(at(TEST_NOW_MS - HOUR_MS - 1)).not.toHaveProperty('endsConnection');
  });

  it.each<[string, Partial<CertificateFields>]>([
    ['DNS names beside the URI', { dnsNames: ['a.example', 'b.example'] }],
    ['an unknown extension that is not critical', { extensions: [{ oid: '1.2.3.4', critical: false, value: Buffer.from([5, 0]) }] }],
    ['keyEncipherment beside digitalSignature', { keyUsage: ['digitalSignature', 'keyEncipherment'] }],
    ['an end after 2049', { notAfterMs: Date.UTC(2051, 0, 1) }],
  ])('accepts %s', (_what, more) => {
    expect(ask(makeSvid(ca, ID, more).pem)).toBe(ID);
  });

  it('accepts an SVID without basicConstraints and extendedKeyUsage', () => {
    const svid = issue(ca, { subject: 'w', uris: [ID], keyUsage: ['digitalSignature'] });
    expect(ask(svid.pem)).toBe(ID);
    expect(ask(issue(ca, { subject: 'w', uris: [ID], ca: false }).pem)).toBe('digital_signature_missing');
  });

  it('refuses another authority of the same name, and a self-signed certificate', () => {
    expect(ask(makeSvid(makeAuthority('root'), ID).pem)).toBe('untrusted_issuer');
    expect(ask(issue(undefined, { subject: 'root', uris: [ID], ca: false, keyUsage: ['digitalSignature'] }).pem)).toBe('untrusted_issuer');
  });

  it('follows intermediates, each of which must be an authority that may issue', () => {
    const middle = makeIntermediate(ca, 'middle');
    const lower = makeIntermediate(middle, 'lower');
    expect(ask(makeSvid(middle, ID).pem + middle.pem)).toBe(ID);
    expect(ask(makeSvid(lower, ID).pem + middle.pem + lower.pem)).toBe(ID);
    expect(ask(makeSvid(middle, ID).pem, verifierOf(ca.pem + middle.pem))).toBe(ID);
    expect(ask(makeSvid(middle, ID).pem)).toBe('untrusted_issuer');
    const asLeaf = makeSvid(ca, 'spiffe://poc.local/issuer', { subject: 'leaf' });
    expect(ask(makeSvid(asLeaf, ID).pem + asLeaf.pem)).toBe('untrusted_issuer');
    const noSign = makeIntermediate(ca, 'nosign', { keyUsage: ['cRLSign'] });
    expect(ask(makeSvid(noSign, ID).pem + noSign.pem)).toBe('untrusted_issuer');
    const old = makeIntermediate(ca, 'old', { notAfterMs: TEST_NOW_MS - 1 });
    expect(ask(makeSvid(old, ID).pem + old.pem)).toBe('untrusted_issuer');
    const foreign = makeIntermediate(ca, 'foreign', { uris: ['spiffe://other.local'] });
    expect(ask(makeSvid(foreign, ID).pem + foreign.pem)).toBe('untrusted_issuer');
  });

  it('takes the word of a handshake against this very bundle for intermediates it was not shown, where that is asked for', () => {
    const digest = (text: string): string => hash('sha256', text, 'hex');
    const svid = makeSvid(makeIntermediate(ca, 'unseen'), ID);
    const trusting = verifierOf(ca.pem, true);
    expect(ask(svid.pem, verifierOf(), TEST_NOW_MS, digest(ca.pem))).toBe('untrusted_issuer');
    expect(ask(svid.pem, trusting)).toBe('untrusted_issuer');
    expect(ask(svid.pem, trusting, TEST_NOW_MS, digest('another bundle'))).toBe('untrusted_issuer');
    expect(ask(svid.pem, trusting, TEST_NOW_MS, digest(ca.pem))).toBe(ID);
    expect(ask(makeSvid(makeIntermediate(ca, 'unseen'), 'spiffe://other.local/a').pem, trusting, TEST_NOW_MS, digest(ca.pem))).toBe('wrong_trust_domain');
    const changed = makeAuthority('next').pem;
    trusting.reloadBundle(changed, 'bundle.pem');
    expect(ask(svid.pem, trusting, TEST_NOW_MS, digest(ca.pem))).toBe('untrusted_issuer');
    expect(ask(svid.pem, trusting, TEST_NOW_MS, digest(changed))).toBe(ID);
    const shared = ca.pem + makeAuthority('federated', { uris: ['spiffe://other.local'] }).pem;
    expect(ask(svid.pem, verifierOf(shared, true), TEST_NOW_MS, digest(shared))).toBe('untrusted_issuer');
  });

  it('judges for itself what it can, whatever a handshake said before', () => {
    const short = makeAuthority('short', { notAfterMs: TEST_NOW_MS + 1000 });
    expect(ask(makeSvid(short, ID).pem, verifierOf(short.pem, true), TEST_NOW_MS + 2000, hash('sha256', short.pem, 'hex'))).toBe('untrusted_issuer');
  });

  it('keeps to the path length an authority allows', () => {
    const flat = makeAuthority('flat', { pathLength: 0 });
    const below = makeIntermediate(flat, 'below');
    expect(ask(makeSvid(flat, ID).pem, verifierOf(flat.pem))).toBe(ID);
    expect(ask(makeSvid(below, ID).pem + below.pem, verifierOf(flat.pem))).toBe('untrusted_issuer');
  });

  it('does not run in circles on certificates that sign each other, nor check without end', () => {
    const self = issue(undefined, { subject: 'loop', ca: true, keyUsage: ['keyCertSign'], notBeforeMs: TEST_NOW_MS - 1000 });
    const many = Array.from({ length: 5 }, () => self.pem).join('');
    expect(ask(makeSvid(self, ID).pem + many)).toBe('untrusted_issuer');
  });

  it('refuses an authority of the bundle once it has expired', () => {
    const short = makeAuthority('short', { notAfterMs: TEST_NOW_MS + 1000 });
    const svid = makeSvid(short, ID);
    expect(ask(svid.pem, verifierOf(short.pem))).toBe(ID);
    expect(ask(svid.pem, verifierOf(short.pem), TEST_NOW_MS + 2000)).toBe('untrusted_issuer');
  });

  it('ends a remembered identity with the first certificate of its path that ends', () => {
    const short = makeAuthority('short', { notAfterMs: TEST_NOW_MS + 1000 });
    const middle = makeIntermediate(ca, 'middle', { notAfterMs: TEST_NOW_MS + 1000 });
    for (const [pem, verifier] of [[makeSvid(short, ID).pem, verifierOf(short.pem)], [makeSvid(middle, ID).pem + middle.pem, verifierOf()]] as const) {
      expect(verifier.verify(pem, 'poc.local', TEST_NOW_MS, '')).toMatchObject({ caller: { expiresMs: TEST_NOW_MS + 1000 } });
      expect([ask(pem, verifier, TEST_NOW_MS + 1000), ask(pem, verifier, TEST_NOW_MS + 2000)]).toEqual([ID, 'untrusted_issuer']);
    }
  });

  it('goes by the last to end of an authority that the bundle holds more than once', () => {
    const [old, renewed] = [1000, 2000].map((ms) => makeAuthority('root', { keys: ca, notAfterMs: TEST_NOW_MS + ms }).pem);
    const svid = makeSvid(ca, ID);
    for (const bundle of [`${old}${renewed}`, `${renewed}${old}`]) expect(verifierOf(bundle).verify(svid.pem, 'poc.local', TEST_NOW_MS, '')).toMatchObject({ caller: { expiresMs: TEST_NOW_MS + 2000 } });
  });

  it('ends a remembered identity with its certificate', () => {
    const verifier = verifierOf();
    const svid = makeSvid(ca, ID);
    const first = verifier.verify(svid.pem, 'poc.local', TEST_NOW_MS, '');
    const second = verifier.verify(svid.pem, 'poc.local', TEST_NOW_MS + 1, '');
    expect(first.ok && second.ok && first.caller === second.caller).toBe(true);
    expect(ask(svid.pem, verifier, TEST_NOW_MS + HOUR_MS + 1)).toBe('certificate_expired');
    expect(verifier.verify(svid.pem, 'other.local', TEST_NOW_MS, '').ok).toBe(false);
    verifier.reloadBundle(makeAuthority('next').pem, 'bundle.pem');
    expect(ask(svid.pem, verifier)).toBe('untrusted_issuer');
  });

  it('refuses bytes that are no certificate, and never throws', () => {
    const { pem } = makeSvid(ca, ID);
    const body = pem.replace(/-----[^-]+-----|\s/g, '');
    const der = Buffer.from(body, 'base64');
    const wrap = (bytes: Buffer): string => `-----BEGIN CERTIFICATE-----\n${bytes.toString('base64')}\n-----END CERTIFICATE-----\n`;
    expect(['', 'x', '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----', wrap(Buffer.from([0x30, 0x80])), pem.repeat(7), 'x'.repeat(70_000)].map((text) => ask(text))).toEqual(Array.from({ length: 6 }, () => 'malformed_certificate'));
    let accepted = 0;
    for (let at = 0; at < der.length; at += 1) {
      const changed = Buffer.from(der);
      changed[at] = (changed[at] ?? 0) ^ 0x01;
      if (verifierOf().verify(wrap(changed), 'poc.local', TEST_NOW_MS, '').ok) accepted += 1;
      expect(verifierOf().verify(wrap(der.subarray(0, at)), 'poc.local', TEST_NOW_MS, '').ok).toBe(false);
    }
    expect(accepted).toBe(0);
  });
});

describe('parseX509Bundle', () => {
  it('refuses an empty file, a leaf, and a broken block, and names the line', () => {
    const lineOf = (text: string): number => {
      try {
        parseX509Bundle(text, 'f');
      } catch (error) {
        if (error instanceof ConfigFault) return error.line;
      }
      return -1;
    };
    expect(lineOf('')).toBe(0);
    expect(lineOf(`# authorities\n${makeSvid(ca, ID).pem}`)).toBe(2);
    expect(lineOf('\n\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')).toBe(3);
    expect(parseX509Bundle(`# one\n${ca.pem}# two\n${makeAuthority('b').pem}`, 'f')).toHaveLength(2);
  });
});

describe('beside OpenSSL', () => {
  it('reads what OpenSSL issues, and OpenSSL verifies what the test authority issues', (context) => {
    const dir = mkdtempSync(join(tmpdir(), 'pki-'));
    try {
      execFileSync('openssl', ['version'], { stdio: 'ignore' });
    } catch {
      context.skip('no openssl command here');
    }
    const run = (...args: string[]): string => execFileSync('openssl', args, { cwd: dir, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      writeFileSync(join(dir, 'ca.pem'), ca.pem);
      writeFileSync(join(dir, 'svid.pem'), makeSvid(ca, ID).pem);
      expect(run('verify', '-purpose', 'sslclient', '-attime', String(TEST_NOW_MS / 1000), '-CAfile', 'ca.pem', 'svid.pem')).toContain('OK');
      run('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'own.key', '-out', 'own.pem', '-subj', '/CN=own', '-days', '2', '-addext', 'keyUsage=critical,keyCertSign');
      run('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'leaf.key', '-out', 'leaf.csr', '-subj', '/CN=leaf');
      writeFileSync(join(dir, 'ext'), `basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,keyAgreement\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=URI:${ID},DNS:x.example,IP:127.0.0.1\n`);
      run('x509', '-req', '-in', 'leaf.csr', '-CA', 'own.pem', '-CAkey', 'own.key', '-CAcreateserial', '-out', 'leaf.pem', '-days', '1', '-extfile', 'ext');
      const leaf = readFileSync(join(dir, 'leaf.pem'), 'utf8');
      const verifier = verifierOf(readFileSync(join(dir, 'own.pem'), 'utf8'));
      const read = readCertificate(leaf);
      expect(ask(leaf, verifier, read.notBeforeMs + 1000)).toBe(ID);
      expect(read.notAfterMs - read.notBeforeMs).toBe(24 * HOUR_MS);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
