// The Workload API's answers as this client uses them (SPIFFE Workload API, sections 5 and 6).
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { MalformedMessage, readFields, writeTexts } from './protobuf.js';
import { tokenFacts, type TokenFacts } from './svid.js';

export interface X509Svid {
  readonly spiffeId: string;
  /** PEM, the workload's own first. */
  readonly certificates: readonly string[];
  /** PEM. */
  readonly key: string;
  /** Trust domain → PEM certificates; its own among them. */
  readonly bundles: ReadonlyMap<string, readonly string[]>;
}

export interface JwtSvid extends TokenFacts {
  readonly token: string;
}

const SEQUENCE = 0x30;
const LONG_FORM = 0x80;
const LENGTH_BYTES_MAX = 4;

/** The first SVID is the workload's default; undefined = it has none. */
export function readX509Response(bytes: Uint8Array): X509Svid | undefined {
  const fields = readFields(bytes);
  const first = fields.find(([field]) => field === 1)?.[1];
  if (first === undefined) return undefined;
  const svid = readFields(first);
  const spiffeId = textField(svid, 1);
  const bundles = new Map<string, readonly string[]>([[trustDomainOf(spiffeId), certificatesOf(bytesField(svid, 4))]]);
  for (const [field, entry] of fields) {
    if (field !== 3) continue;
    const pair = readFields(entry);
    bundles.set(trustDomainOf(textField(pair, 1)), certificatesOf(bytesField(pair, 2)));
  }
  const certificates = certificatesOf(bytesField(svid, 2));
  if (certificates.length === 0) throw new MalformedMessage('an SVID without a certificate');
  return { spiffeId, certificates, key: keyOf(bytesField(svid, 3)), bundles };
}

export function writeJwtRequest(audience: string): Buffer {
  return writeTexts([[1, audience]]);
}

export function readJwtResponse(bytes: Uint8Array): JwtSvid | undefined {
  const first = readFields(bytes).find(([field]) => field === 1)?.[1];
  if (first === undefined) return undefined;
  const svid = readFields(first);
  const token = textField(svid, 2);
  const facts = tokenFacts(token);
  return { ...facts, token, spiffeId: facts.spiffeId ?? textField(svid, 1) };
}

/** Of a SPIFFE ID, or of a trust domain by its name. */
export function trustDomainOf(id: string): string {
  return id.replace(/^spiffe:\/\//, '').split('/', 1)[0] ?? '';
}

function bytesField(fields: ReturnType<typeof readFields>, wanted: number): Uint8Array {
  return fields.findLast(([field]) => field === wanted)?.[1] ?? new Uint8Array(0);
}

function textField(fields: ReturnType<typeof readFields>, wanted: number): string {
  return Buffer.from(bytesField(fields, wanted)).toString('utf8');
}

function keyOf(der: Uint8Array): string {
  try {
    return createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' }).toString();
  } catch {
    throw new MalformedMessage('a key that is none'); // the parser's own words may quote it
  }
}

/** DER certificates, one after the other. */
function certificatesOf(bytes: Uint8Array): string[] {
  const found: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = elementLength(bytes, at);
    if (length === undefined || at + length > bytes.length) throw new MalformedMessage('a certificate is cut off');
    found.push(new X509Certificate(bytes.subarray(at, at + length)).toString());
    at += length;
  }
  return found;
}

/** Of the DER element that begins there, with its head. */
function elementLength(bytes: Uint8Array, at: number): number | undefined {
  const [tag, first] = [bytes[at], bytes[at + 1]];
  if (tag !== SEQUENCE || first === undefined) return undefined;
  if (first < LONG_FORM) return first + 2;
  const count = first - LONG_FORM;
  if (count === 0 || count > LENGTH_BYTES_MAX) return undefined;
  let length = 0;
  for (let n = 0; n < count; n += 1) length = length * 256 + (bytes[at + 2 + n] ?? 0);
  return length + 2 + count;
}
