// Where agents reach this gateway, as its own answers say it.
import type { GatewayConfig } from '../base/config/schema.js';
import type { ThreadListener } from './gateway-thread.js';

/** The plain listener's where there is one, else the mTLS one's; with the port that was bound. Ends with a slash. */
export function ownUrl({ front, tls }: Pick<GatewayConfig, 'front' | 'tls'>, bound: readonly Pick<ThreadListener, 'kind' | 'port'>[]): string {
  const [kind, scheme, { host, port }] = front.plain ? ['http', 'http', front] as const : ['mtls', 'https', tls] as const;
  const shown = host.includes(':') ? `[${host}]` : host;
  return `${scheme}://${shown}:${bound.find((listener) => listener.kind === kind)?.port ?? port}/`;
}
