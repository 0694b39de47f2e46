// One ping over mTLS, on a connection of its own.
import { request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GatewayProcess } from '../support/gateway-process.js';
import type { IssuedCertificate } from '../support/pki.js';

export const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}';

export interface TlsAnswer {
  readonly status: number;
  readonly code: unknown;
  /** Of an untrusted issuer's refusal only. */
  readonly remedy?: unknown;
}

export async function tlsPortOf(gateway: GatewayProcess): Promise<number> {
  for (;;) {
    const port = /listening: https:\/\/127\.0\.0\.1:(\d+)/.exec(gateway.stderr())?.[1];
    if (port !== undefined) return Number(port);
    await sleep(20);
  }
}

/** `authorityPem`: the gateway's own. `svid` may hold a chain. */
export function askOverTls(port: number, authorityPem: string, svid: Pick<IssuedCertificate, 'pem' | 'privateKeyPem'> | undefined): Promise<TlsAnswer | 'handshake failed'> {
  return new Promise((resolve) => {
    const one = request({ host: '127.0.0.1', port, servername: 'localhost', method: 'POST', path: '/', ca: authorityPem, agent: false, ...(svid === undefined ? {} : { cert: svid.pem, key: svid.privateKeyPem }), headers: { host: 'localhost', 'content-type': 'application/json' } }, (response) => {
      let text = '';
      response.on('data', (part: Buffer) => { text += part.toString(); });
      response.on('error', () => resolve('handshake failed'));
      response.on('end', () => {
        const { code, reason_code: reason, remediation: remedy } = JSON.parse(text) as { code?: unknown; reason_code?: unknown; remediation?: unknown };
        resolve({ status: response.statusCode ?? 0, code, ...(reason === 'untrusted_issuer' ? { remedy } : {}) });
      });
    });
    one.on('error', () => resolve('handshake failed'));
    one.end(PING);
  });
}
