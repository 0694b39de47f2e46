// The messages of the SPIFFE Workload API, read and written by hand: the field numbers are those of its published workload.proto (SPIFFE project, Apache-2.0).
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { allOf, bytesOf, readFields, textOf, writeField } from './protobuf.js';

export const FETCH_X509 = '/SpiffeWorkloadAPI/FetchX509SVID';
export const FETCH_JWT = '/SpiffeWorkloadAPI/FetchJWTSVID';

export interface X509Svid {
  readonly spiffeId: string;
  /** PEM: its own certificate first, then what leads to the authority. */
  readonly certificates: string;
  /** PEM (PKCS#8). */
  readonly privateKey: string;
  /** PEM: the authorities of its trust domain. */
  readonly bundle: string;
}

export interface JwtSvid {
  readonly spiffeId: string;
  readonly token: string;
}

const X509_SVIDS_MAX = 100; // a workload has a handful
const CERTIFICATES_MAX = 100; // of one chain, or one bundle
const SEQUENCE = 0x30;
const LONG_FORM = 0x80;
const LENGTH_BYTES_MAX = 4;

export const NO_REQUEST = Buffer.alloc(0);

export function writeJwtRequest(audience: string, spiffeId: string): Buffer {
  return Buffer.concat([writeField(1, audience), writeField(2, spiffeId)]);
}

/** In the order of the answer: the first is the default. Throws where any of it is no SVID. */
export function readX509Answer(message: Buffer): readonly X509Svid[] {
  const svids = allOf(readFields(message), 1);
  if (svids.length > X509_SVIDS_MAX) throw new RangeError(`more than ${X509_SVIDS_MAX} SVIDs`);
  return svids.map((svid) => {
    const fields = readFields(svid);
    const spiffeId = textOf(fields, 1);
    const chain = certificatesIn(bytesOf(fields, 2));
    const [leaf] = chain;
    const privateKey = createPrivateKey({ key: bytesOf(fields, 3), format: 'der', type: 'pkcs8' });
    if (leaf === undefined || !isFor(leaf, spiffeId)) throw new RangeError('an SVID whose certificate has another SPIFFE ID');
    if (!leaf.checkPrivateKey(privateKey)) throw new RangeError('an SVID whose key is not its certificate\'s');
    return { spiffeId, certificates: pemOf(chain), privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), bundle: pemOf(certificatesIn(bytesOf(fields, 4))) };
  });
}

export function readJwtAnswer(message: Buffer): readonly JwtSvid[] {
  return allOf(readFields(message), 1).map((svid) => {
    const fields = readFields(svid);
    const token = textOf(fields, 2);
    if (!/^[\x21-\x7e]+$/.test(token)) throw new RangeError('a JWT-SVID that is no token');
    return { spiffeId: textOf(fields, 1), token };
  });
}

function isFor(leaf: X509Certificate, spiffeId: string): boolean {
  return spiffeId.startsWith('spiffe://') && (leaf.subjectAltName ?? '').split(', ').includes(`URI:${spiffeId}`);
}

function pemOf(certificates: readonly X509Certificate[]): string {
  return certificates.map(String).join('');
}

/** One after the other in DER, without anything between them. */
function certificatesIn(der: Buffer): X509Certificate[] {
  const found: X509Certificate[] = [];
  for (let from = 0; from < der.length; ) {
    const to = endOfSequence(der, from);
    if (found.length >= CERTIFICATES_MAX) throw new RangeError(`more than ${CERTIFICATES_MAX} certificates`);
    found.push(new X509Certificate(der.subarray(from, to)));
    from = to;
  }
  return found;
}

function endOfSequence(der: Buffer, from: number): number {
  const first = der[from + 1] ?? 0;
  const lengthBytes = first < LONG_FORM ? 0 : first - LONG_FORM;
  if (der[from] !== SEQUENCE || first === LONG_FORM || lengthBytes > LENGTH_BYTES_MAX || from + 2 + lengthBytes > der.length) throw new RangeError('no certificate in DER');
  const end = from + 2 + lengthBytes + (lengthBytes === 0 ? first : der.readUIntBE(from + 2, lengthBytes));
  if (end > der.length) throw new RangeError('a certificate that is cut');
  return end;
}
