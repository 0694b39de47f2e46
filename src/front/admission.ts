// Step 0: which Host and Origin this listener answers to (against DNS rebinding), and how much work may be under way at once.

export type HostReason = 'host_missing' | 'host_repeated' | 'host_not_allowed' | 'origin_not_allowed';

export interface AdmissionRules {
  /** Address the listener is bound to, as configured. */
  readonly listenerHost: string;
  readonly listenerPort: number;
  readonly tls: boolean;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
}

export interface Admission {
  readonly loopbackListener: boolean;
  /** Undefined = welcome. `host` and `origin` are '' where absent. */
  check(host: string, hostLines: number, origin: string): HostReason | undefined;
  /** The origin if the operator listed it, for CORS answers; else ''. */
  corsOrigin(origin: string): string;
}

const LOOPBACK_NAMES: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);
const HOST = /^(\[[0-9a-f:.]{2,45}\]|[^\s:/@?#\\[\]]{1,253})(?::([0-9]{1,5}))?$/;
const LOOPBACK_ORIGIN = /^https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?$/;
const WILDCARD_ADDRESSES: ReadonlySet<string> = new Set(['0.0.0.0', '::', '']);

export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.[0-9]{1,3}){3}$/.test(host);
}

function withBrackets(address: string): string {
  return address.includes(':') && !address.startsWith('[') ? `[${address}]` : address;
}

/** A name is ours on its own (any port), or with the port the operator wrote. */
function isConfigured(name: string, port: string, allowed: ReadonlySet<string>): boolean {
  return allowed.has(name) || (port !== '' && allowed.has(`${name}:${port}`));
}

export function createAdmission(rules: AdmissionRules): Admission {
  const loopbackListener = isLoopbackHost(rules.listenerHost);
  const allowedHosts = new Set(rules.allowedHosts.map((host) => host.toLowerCase()));
  const allowedOrigins = new Set(rules.allowedOrigins.map((origin) => origin.toLowerCase().replace(/\/$/, '')));
  const ownAddress = WILDCARD_ADDRESSES.has(rules.listenerHost) ? '' : withBrackets(rules.listenerHost.toLowerCase());
  const defaultPort = rules.tls ? 443 : 80;

  function isOwnHost(host: string): boolean {
    const match = HOST.exec(host.toLowerCase());
    if (match === null) return false;
    const [, name = '', port = ''] = match;
    if (isConfigured(name, port, allowedHosts)) return true;
    const isOwnName = LOOPBACK_NAMES.has(name) || name === ownAddress;
    // Another port on a loopback listener is a forwarded one (ssh -L, a container's): no foreign name can be behind it.
    return isOwnName && (loopbackListener || Number(port === '' ? defaultPort : port) === rules.listenerPort);
  }

  // Almost every request names the same few hosts, but strangers choose them: remember only the good ones.
  const known = new Set<string>();
  const KNOWN_MAX = 64;
  let last = '';
  function isKnownHost(host: string): boolean {
    if (host === last) return true; // compared, not hashed: it is a new text with every request
    if (!known.has(host)) {
      if (!isOwnHost(host)) return false;
      if (known.size < KNOWN_MAX) known.add(host);
    }
    last = host;
    return true;
  }

  return {
    loopbackListener,
    check(host, hostLines, origin) {
      if (hostLines > 1) return 'host_repeated';
      if (host === '') return 'host_missing';
      if (!isKnownHost(host)) return 'host_not_allowed';
      if (origin === '' || allowedOrigins.has(origin.toLowerCase())) return undefined;
      return loopbackListener && LOOPBACK_ORIGIN.test(origin.toLowerCase()) ? undefined : 'origin_not_allowed';
    },
    corsOrigin(origin) {
      return origin !== '' && allowedOrigins.has(origin.toLowerCase()) ? origin : '';
    },
  };
}

/** What a request costs besides its body: context, buffers, the answer under way. Decides how many may run at once. */
const REQUEST_COST_BYTES = 16 * 1024;
const REQUESTS_MIN = 16;

/** Counts requests under way and the body bytes they hold; one per thread, shared by its listeners. */
export class Load {
  readonly bytesMax: number;
  readonly requestsMax: number;
  bytes = 0;
  requests = 0;

  constructor(inflightBodyBytesMax: number) {
    this.bytesMax = inflightBodyBytesMax;
    this.requestsMax = Math.max(REQUESTS_MIN, Math.floor(inflightBodyBytesMax / REQUEST_COST_BYTES));
  }
  get full(): boolean {
    return this.requests >= this.requestsMax;
  }
  /** False = there is no room, and nothing was taken. */
  takeBytes(count: number): boolean {
    if (this.bytes + count > this.bytesMax) return false;
    this.bytes += count;
    return true;
  }
}
