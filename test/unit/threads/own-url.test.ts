// What the gateway says of where it is.
import { expect, it } from 'vitest';
import { parseGatewayConfig } from '../../../src/base/config/load.js';
import { ownUrl } from '../../../src/threads/own-url.js';

const TLS = 'tls: {enabled: true, host: 0.0.0.0, port: 9443, certificate_file: a, private_key_file: b, trust_bundle_file: c}\n';
const configOf = (text: string) => parseGatewayConfig(`profile: dev\n${text}`, 'config/gateway.yaml');

it.each<[string, Parameters<typeof ownUrl>[1], string]>([
  ['front: {port: 9090}', [], 'http://127.0.0.1:9090/'],
  ['front: {port: 0}', [{ kind: 'http', port: 4711 }], 'http://127.0.0.1:4711/'],
  ['front: {port: 9090, host: "::1"}', [], 'http://[::1]:9090/'],
  [`front: {port: 9090}\n${TLS}`, [{ kind: 'mtls', port: 9443 }], 'http://127.0.0.1:9090/'],
  [`front: {plain: false}\n${TLS}`, [{ kind: 'mtls', port: 9443 }], 'https://0.0.0.0:9443/'],
  [`front: {plain: false}\n${TLS.replace('9443', '0')}`, [{ kind: 'mtls', port: 4712 }], 'https://0.0.0.0:4712/'],
])('%s', (text, bound, url) => {
  expect(ownUrl(configOf(text), bound)).toBe(url);
});
