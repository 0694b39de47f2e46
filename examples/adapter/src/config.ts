// The adapter's one file: where it listens, where the gateway is, who has which key, and every bound with its default.
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** Each is a bound that a client can reach; the gateway's own come on top. */
export const BOUNDS = {
  body_bytes: 1_048_576, // of a request or frame: the arguments of a tool, not a file
  answer_bytes: 8_388_608, // of a tool's answer
  headers_timeout_ms: 10_000, // to send a request's headers, and a WebSocket's first frame
  call_timeout_ms: 60_000, // a tool that needs longer says so by progress, and is still cut
  approval_wait_s: 900, // as long as the gateway keeps a request open by default
  kept_result_s: 300, // for a client that polls
  connections: 1024,
  unconnected: 64, // WebSockets that have not said who they are
  sessions_per_agent: 16,
  calls_per_agent: 64, // in flight or waiting for a person; as many results are kept for polling
  calls_per_session: 16,
  window_bytes: 1_048_576, // sent to a WebSocket and not acknowledged: what one slow client can hold
  heartbeat_s: 20, // a WebSocket that answers no ping for so long is gone
  stalled_s: 60, // without an acknowledgement while the window is full, or without taking anything over HTTP
  resume_s: 60, // a session without a connection
  watch_retry_s: 5, // until catalogue changes are listened for again, when the gateway was away
  shutdown_grace_s: 10,
} as const;
export type Bounds = Readonly<Record<keyof typeof BOUNDS, number>>;

export interface Config {
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly gatewayUrl: string;
  readonly agentsFile: string;
  readonly bounds: Bounds;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

export function readConfig(file: string): Config {
  const { listen = {}, gateway_url = 'http://localhost:9090', agents_file = 'agents.json', bounds = {}, ...unknown } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  const fail = (what: string): never => { throw new Error(`${file}: ${what}`); };
  if (Object.keys(unknown).length > 0) fail(`unknown: ${Object.keys(unknown).join(', ')}`);
  const { host = '127.0.0.1', port = 8095, cert_file, key_file } = listen as Readonly<Record<string, unknown>>;
  if (typeof host !== 'string' || !Number.isInteger(port) || typeof gateway_url !== 'string' || typeof agents_file !== 'string') return fail('listen.host, gateway_url and agents_file are texts, listen.port a number');
  const at = (path: unknown): string => resolve(dirname(file), String(path));
  const tls = cert_file === undefined ? undefined : { certFile: at(cert_file), keyFile: at(key_file) };
  if (tls === undefined && !isLoopback(host)) fail('keys would cross the network in the clear: set listen.cert_file and listen.key_file, or listen on loopback');
  for (const [name, value] of Object.entries(bounds as Record<string, unknown>)) {
    if (!Object.hasOwn(BOUNDS, name) || !Number.isInteger(value) || (value as number) < 1) fail(`bounds.${name} is no bound, or no whole number from 1`);
  }
  return { host, port: port as number, tls, gatewayUrl: gateway_url, agentsFile: at(agents_file), bounds: { ...BOUNDS, ...(bounds as Partial<Bounds>) } };
}
