// The parts of an X.509 certificate an SVID check needs, read from its DER: node's own text forms of names are escaped and
// not meant for decisions, and it does not show key usage.
import { X509Certificate } from 'node:crypto';
import { childrenOf, DerFault, readElement, readOid, readTime, TAG, type Element } from './der.js';

export interface Certificate {
  readonly x509: X509Certificate;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Every URI in subjectAltName, as its bytes read in Latin-1. */
  readonly uris: readonly string[];
  readonly isCa: boolean;
  /** Intermediate certificates allowed below this one; Infinity where nothing is said. */
  readonly pathLengthMax: number;
  /** Undefined: the extension is absent. */
  readonly keyUsage: KeyUsage | undefined;
  /** Undefined: absent, any use. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  /** Of critical extensions nobody here understands (RFC 5280 section 4.2: then the certificate must be refused). */
  readonly unknownCritical: readonly string[];
  readonly signatureAlgorithm: string;
}

export interface KeyUsage {
  readonly digitalSignature: boolean;
  readonly keyCertSign: boolean;
  readonly crlSign: boolean;
}

const OID = { keyUsage: '2.5.29.15', subjectAltName: '2.5.29.17', basicConstraints: '2.5.29.19', extendedKeyUsage: '2.5.29.37' } as const;
/** Understood, or checked by the TLS stack before us: CRL distribution, policies, key ids, name constraints (which the stack applies to the path). */
const HARMLESS_WHEN_CRITICAL: ReadonlySet<string> = new Set(['2.5.29.14', '2.5.29.31', '2.5.29.32', '2.5.29.35', '2.5.29.30', '2.5.29.36', '1.3.6.1.5.5.7.1.1']);
const URI_TAG = 0x86; // GeneralName uniformResourceIdentifier, RFC 5280 section 4.2.1.6
const INTEGER_TAG = 0x02;
const EXTENSIONS_TAG = 0xa3;
const VERSION_TAG = 0xa0;

/** Throws DerFault, or node's own error, for what is no X.509 v3 certificate. */
export function readCertificate(pem: string): Certificate {
  const x509 = new X509Certificate(pem);
  const der = x509.raw;
  const whole = readElement(der, 0, der.length);
  if (whole.to !== der.length) throw new DerFault('bytes after the certificate');
  const [tbs, algorithm] = childrenOf(der, whole, TAG.sequence);
  const fields = childrenOf(der, tbs, TAG.sequence);
  if (fields[0]?.tag !== VERSION_TAG) throw new DerFault('version 1');
  const [notBefore, notAfter] = childrenOf(der, fields[4], TAG.sequence);
  return {
    x509,
    notBeforeMs: readTime(der, notBefore),
    notAfterMs: readTime(der, notAfter),
    signatureAlgorithm: readOid(der, childrenOf(der, algorithm, TAG.sequence)[0]),
    ...readExtensions(der, fields.find((field) => field.tag === EXTENSIONS_TAG)),
  };
}

type Extensions = Pick<Certificate, 'uris' | 'isCa' | 'pathLengthMax' | 'keyUsage' | 'extendedKeyUsage' | 'unknownCritical'>;

function readExtensions(der: Uint8Array, wrapper: Element | undefined): Extensions {
  const values = new Map<string, Element>();
  const unknownCritical: string[] = [];
  const list = wrapper === undefined ? [] : childrenOf(der, readElement(der, wrapper.from, wrapper.to), TAG.sequence);
  for (const extension of list) {
    const { oid, critical, value } = readExtension(der, extension);
    if (values.has(oid)) throw new DerFault('extension given twice'); // RFC 5280 section 4.2
    values.set(oid, value);
    if (critical && !isUnderstood(oid)) unknownCritical.push(oid);
  }
  const basic = readBasicConstraints(der, values.get(OID.basicConstraints));
  return {
    uris: readUris(der, values.get(OID.subjectAltName)),
    keyUsage: readKeyUsage(der, values.get(OID.keyUsage)),
    extendedKeyUsage: readOids(der, values.get(OID.extendedKeyUsage)),
    unknownCritical,
    ...basic,
  };
}

function readExtension(der: Uint8Array, extension: Element): { oid: string; critical: boolean; value: Element } {
  const parts = childrenOf(der, extension, TAG.sequence);
  const marked = parts[1]?.tag === TAG.boolean;
  const octets = parts[marked ? 2 : 1];
  if (octets?.tag !== TAG.octetString) throw new DerFault('extension value');
  const value = readElement(der, octets.from, octets.to);
  if (value.to !== octets.to) throw new DerFault('bytes after an extension value');
  return { oid: readOid(der, parts[0]), critical: marked && der[parts[1]?.from ?? 0] !== 0, value };
}

function isUnderstood(oid: string): boolean {
  return HARMLESS_WHEN_CRITICAL.has(oid) || Object.values<string>(OID).includes(oid);
}

function readUris(der: Uint8Array, names: Element | undefined): string[] {
  if (names === undefined) return [];
  const uris = childrenOf(der, names, TAG.sequence).filter((name) => name.tag === URI_TAG);
  return uris.map((uri) => Buffer.from(der.subarray(uri.from, uri.to)).toString('latin1'));
}

function readBasicConstraints(der: Uint8Array, value: Element | undefined): { isCa: boolean; pathLengthMax: number } {
  if (value === undefined) return { isCa: false, pathLengthMax: Infinity };
  const parts = childrenOf(der, value, TAG.sequence);
  const isCa = parts[0]?.tag === TAG.boolean && der[parts[0].from] !== 0;
  const length = parts.find((part) => part.tag === INTEGER_TAG);
  return { isCa, pathLengthMax: length === undefined ? Infinity : (der[length.to - 1] ?? 0) };
}

/** RFC 5280 section 4.2.1.3: bit 0 digitalSignature, bit 5 keyCertSign, bit 6 cRLSign. */
function readKeyUsage(der: Uint8Array, value: Element | undefined): KeyUsage | undefined {
  if (value === undefined) return undefined;
  if (value.tag !== TAG.bitString || value.to - value.from < 1) throw new DerFault('key usage');
  const bits = value.to - value.from > 1 ? (der[value.from + 1] ?? 0) : 0;
  return { digitalSignature: (bits & 0x80) !== 0, keyCertSign: (bits & 0x04) !== 0, crlSign: (bits & 0x02) !== 0 };
}

function readOids(der: Uint8Array, value: Element | undefined): string[] | undefined {
  return value === undefined ? undefined : childrenOf(der, value, TAG.sequence).map((element) => readOid(der, element));
}
