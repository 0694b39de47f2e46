// A small certificate authority for tests: X.509 by a DER writer over node:crypto, JWT-SVIDs by jose. Every field can be made wrong.
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, X509Certificate, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';

/** A day the tests live on, so that none of them reads the wall clock: 2026-03-01T12:00:00Z. */
export const TEST_NOW_MS = Date.UTC(2026, 2, 1, 12, 0, 0);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export interface IssuedCertificate {
  readonly pem: string;
  readonly privateKeyPem: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly subject: string;
}

export interface CertificateFields {
  readonly subject: string;
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly (readonly number[])[];
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
  /** Undefined = no basicConstraints extension. */
  readonly ca?: boolean;
  readonly pathLength?: number;
  /** Names of bits; undefined = no extension. */
  readonly keyUsage?: readonly KeyUsageBit[];
  /** Dotted object identifiers; undefined = no extension. */
  readonly extendedKeyUsage?: readonly string[];
  /** Whole extra extensions: OID, critical, DER of the value. */
  readonly extensions?: readonly { readonly oid: string; readonly critical: boolean; readonly value: Buffer }[];
  readonly serial?: number;
  /** Undefined = a new pair. */
  readonly keys?: Pick<IssuedCertificate, 'privateKey' | 'publicKey'>;
}

export type KeyUsageBit = 'digitalSignature' | 'keyEncipherment' | 'keyCertSign' | 'cRLSign';
export const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
export const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

const KEY_USAGE_BIT: Readonly<Record<KeyUsageBit, number>> = { digitalSignature: 0x80, keyEncipherment: 0x20, keyCertSign: 0x04, cRLSign: 0x02 };
const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';

/** Authorities are valid at TEST_NOW_MS and, for tests over real TLS, at any time those will run. */
const LONG_VALID = { notBeforeMs: Date.UTC(2020, 0, 1), notAfterMs: Date.UTC(2120, 0, 1) } as const;

/** For SVIDs that a TLS stack will judge by the wall clock: makeSvid(ca, id, validAround(Date.now())). */
export function validAround(ms: number): { notBeforeMs: number; notAfterMs: number } {
  return { notBeforeMs: ms - HOUR_MS, notAfterMs: ms + HOUR_MS };
}

/** An authority that signs itself. */
export function makeAuthority(subject: string, more: Partial<CertificateFields> = {}): IssuedCertificate {
  return issue(undefined, { subject, ca: true, keyUsage: ['keyCertSign', 'cRLSign'], ...LONG_VALID, ...more });
}

/** An intermediate authority under `issuer`. */
export function makeIntermediate(issuer: IssuedCertificate, subject: string, more: Partial<CertificateFields> = {}): IssuedCertificate {
  return issue(issuer, { subject, ca: true, keyUsage: ['keyCertSign', 'cRLSign'], ...LONG_VALID, ...more });
}

/** A good X.509-SVID, unless `more` makes it a bad one. */
export function makeSvid(issuer: IssuedCertificate, spiffeId: string, more: Partial<CertificateFields> = {}): IssuedCertificate {
  return issue(issuer, {
    subject: 'workload',
    uris: [spiffeId],
    ca: false,
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: [SERVER_AUTH, CLIENT_AUTH],
    notBeforeMs: TEST_NOW_MS - HOUR_MS,
    notAfterMs: TEST_NOW_MS + HOUR_MS,
    ...more,
  });
}

/** A server certificate for a TLS listener, valid around the real present: TLS stacks read the wall clock. */
export function makeServerCertificate(issuer: IssuedCertificate, aroundMs: number, dnsNames: readonly string[] = ['localhost']): IssuedCertificate {
  return issue(issuer, { subject: 'gateway', dnsNames, ipAddresses: [[127, 0, 0, 1]], ca: false, keyUsage: ['digitalSignature'], extendedKeyUsage: [SERVER_AUTH], notBeforeMs: aroundMs - HOUR_MS, notAfterMs: aroundMs + DAY_MS });
}

/** Any certificate; `issuer` undefined = self-signed. P-256, ECDSA with SHA-256. */
export function issue(issuer: IssuedCertificate | undefined, fields: CertificateFields): IssuedCertificate {
  const { privateKey, publicKey } = fields.keys ?? generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = sequence(oid(ECDSA_WITH_SHA256));
  const tbs = sequence(
    element(0xa0, element(0x02, Buffer.from([2]))), // version 3
    element(0x02, serialBytes(fields.serial ?? nextSerial(fields))),
    algorithm,
    name(issuer?.subject ?? fields.subject),
    sequence(time(fields.notBeforeMs ?? TEST_NOW_MS - HOUR_MS), time(fields.notAfterMs ?? TEST_NOW_MS + HOUR_MS)),
    name(fields.subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    element(0xa3, sequence(...extensionsOf(fields))),
  );
  const signature = sign('sha256', tbs, issuer?.privateKey ?? privateKey);
  const der = sequence(tbs, algorithm, bitString(signature));
  return { pem: new X509Certificate(der).toString(), privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), privateKey, publicKey, subject: fields.subject };
}

export interface JwtAuthorityKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: KeyObject;
  /** The public half as it stands in a bundle. */
  readonly jwk: Record<string, unknown>;
}

/** ES256, ES384, ES512, or an RS/PS algorithm with a 2048-bit key. */
export function makeJwtAuthority(kid: string, alg = 'ES256'): JwtAuthorityKey {
  const curve = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[alg];
  const pair = curve === undefined ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ec', { namedCurve: curve });
  return { kid, alg, privateKey: pair.privateKey, jwk: { ...pair.publicKey.export({ format: 'jwk' }), kid, use: 'jwt-svid' } };
}

/** A bundle document as SPIRE publishes it. */
export function jwtBundleText(...keys: readonly JwtAuthorityKey[]): string {
  return JSON.stringify({ keys: keys.map((key) => key.jwk), spiffe_sequence: 1 });
}

export interface TokenFields {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
}

/** A good JWT-SVID for audience `precinct`, unless the fields make it a bad one; a claim set to undefined is left out. */
export function makeJwtSvid(authority: JwtAuthorityKey, spiffeId: string, fields: TokenFields = {}): Promise<string> {
  const nowS = TEST_NOW_MS / 1000;
  const claims = Object.entries({ sub: spiffeId, aud: ['precinct'], iat: nowS - 10, exp: nowS + 300, ...fields.claims }).filter(([, value]) => value !== undefined);
  const header = Object.entries({ alg: authority.alg, kid: authority.kid, typ: 'JWT', ...fields.header }).filter(([, value]) => value !== undefined);
  return new SignJWT(Object.fromEntries(claims)).setProtectedHeader(Object.fromEntries(header) as { alg: string }).sign(authority.privateKey);
}

/** The key pair of a PEM private key. */
export function keyPairOf(privateKeyPem: string): { privateKey: KeyObject; publicKey: KeyObject } {
  const privateKey = createPrivateKey(privateKeyPem);
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

function extensionsOf(fields: CertificateFields): Buffer[] {
  const extensions: Buffer[] = [];
  if (fields.ca !== undefined) {
    const length = fields.pathLength === undefined ? [] : [element(0x02, Buffer.from([fields.pathLength]))];
    extensions.push(extension('2.5.29.19', true, sequence(...(fields.ca ? [element(0x01, Buffer.from([0xff])), ...length] : []))));
  }
  if (fields.keyUsage !== undefined) extensions.push(extension('2.5.29.15', true, keyUsage(fields.keyUsage)));
  if (fields.extendedKeyUsage !== undefined) extensions.push(extension('2.5.29.37', false, sequence(...fields.extendedKeyUsage.map(oid))));
  const names = [
    ...(fields.dnsNames ?? []).map((dns) => element(0x82, Buffer.from(dns, 'latin1'))),
    ...(fields.uris ?? []).map((uri) => element(0x86, Buffer.from(uri, 'latin1'))),
    ...(fields.ipAddresses ?? []).map((ip) => element(0x87, Buffer.from(ip))),
  ];
  if (names.length > 0) extensions.push(extension('2.5.29.17', false, sequence(...names)));
  for (const extra of fields.extensions ?? []) extensions.push(extension(extra.oid, extra.critical, extra.value));
  return extensions;
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [element(0x01, Buffer.from([0xff]))] : []), element(0x04, value));
}

function keyUsage(bits: readonly KeyUsageBit[]): Buffer {
  const byte = bits.reduce((sum, bit) => sum | KEY_USAGE_BIT[bit], 0);
  const unusedBits = byte === 0 ? 0 : 31 - Math.clz32(byte & -byte);
  return element(0x03, Buffer.from([unusedBits, byte]));
}

function element(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

export function sequence(...parts: readonly Buffer[]): Buffer {
  return element(0x30, Buffer.concat(parts));
}

function bitString(content: Buffer): Buffer {
  return element(0x03, Buffer.concat([Buffer.from([0]), content]));
}

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return element(0x06, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
}

function base128(arc: number): number[] {
  const digits = [arc % 128];
  for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) digits.unshift((left % 128) | 0x80);
  return digits;
}

function name(commonName: string): Buffer {
  return sequence(element(0x31, sequence(oid('2.5.4.3'), element(0x0c, Buffer.from(commonName)))));
}

function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14);
  const inUtcTime = Number(digits.slice(0, 4)) < 2050; // RFC 5280 section 4.1.2.5
  return inUtcTime ? element(0x17, Buffer.from(`${digits.slice(2)}Z`)) : element(0x18, Buffer.from(`${digits}Z`));
}

/** A positive INTEGER: the leading byte is never zero and its top bit never set. */
function serialBytes(serial: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = 0x01;
  bytes.writeUInt32BE(serial >>> 0, 1);
  return bytes;
}

/** Different for different certificates, without a counter or randomness. */
function nextSerial(fields: CertificateFields): number {
  return [...JSON.stringify(fields)].reduce((sum, character) => (Math.imul(sum, 31) + (character.codePointAt(0) ?? 0)) >>> 0, 7) || 1;
}
