// Proofs of identity for the table: an authority, the gateway's certificate, an SVID and a token for each caller that asks for one.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DOMAIN } from './gateways.mjs';

const GATEWAY_ID = `spiffe://${DOMAIN}/gateway`;
const HOUR_S = 3_600;

/** @param {any} support the tests' certificate authority @param {number} nowMs */
export function makePki(support, nowMs) {
  const authority = support.makeAuthority('table authority');
  const stranger = support.makeAuthority('another authority');
  const signer = support.makeJwtAuthority('key-1');
  const server = support.issue(authority, {
    subject: 'gateway', dnsNames: ['localhost'], uris: [GATEWAY_ID], ipAddresses: [[127, 0, 0, 1]], ca: false, keyUsage: ['digitalSignature'], extendedKeyUsage: [support.SERVER_AUTH, support.CLIENT_AUTH], ...support.validAround(nowMs),
  });
  const nowS = Math.floor(nowMs / 1000);
  const svid = (id) => support.makeSvid(authority, id, support.validAround(nowMs));
  const token = (id, fields = {}) => support.makeJwtSvid(signer, id, { claims: { iat: nowS - 5, exp: nowS + HOUR_S, ...fields } });
  return {
    gatewayId: GATEWAY_ID, svid, token, authority,
    files: { 'config/tls/gateway.pem': server.pem, 'config/tls/gateway.key': server.privateKeyPem, 'config/tls/bundle.pem': authority.pem, 'config/jwt-bundle.json': support.jwtBundleText(signer) },
    /** svid.pem, svid_key.pem, bundle.pem, another authority's bundle, and a token, in a folder. */
    async writeFiles(folder, id) {
      mkdirSync(folder, { recursive: true });
      const own = svid(id);
      const files = { 'svid.pem': own.pem, 'svid_key.pem': own.privateKeyPem, 'bundle.pem': authority.pem, 'strangers.pem': stranger.pem, 'token.jwt': await token(id) };
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
    },
    /** As the Workload API hands it out. */
    workloadSvid: (id) => ({ spiffeId: id, svid: svid(id), bundle: [authority] }),
  };
}
