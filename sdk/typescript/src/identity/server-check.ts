// The gateway's certificate by its SPIFFE ID instead of a host name. Its chain was verified before this is asked.
import { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import { uriNames } from './svid.js';

export function spiffeServerCheck(expected: string): (host: string, certificate: PeerCertificate) => Error | undefined {
  return (_host, certificate) => {
    const names = uriNames(new X509Certificate(certificate.raw));
    // X509-SVID section 2: exactly one.
    return names.length === 1 && names[0] === expected ? undefined : Object.assign(new Error('the gateway\'s certificate is of another SPIFFE ID'), { code: 'CERT_OF_ANOTHER_SPIFFE_ID' });
  };
}
