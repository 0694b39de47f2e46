// Where the identity comes from, in this order: argument, environment, Workload API (X.509, then JWT), files, none.
import { join } from 'node:path';
import { ConfigurationError } from '../errors.js';
import type { Surroundings } from '../surroundings.js';
import type { Credentials, TlsMaterial } from './credentials.js';
import { caFile, certificateFiles, tokenFile, type WatchedFiles } from './files.js';
import { GivenCredentials, type TokenSource } from './given.js';
import { checkSpiffeId, checkToken } from './svid.js';
import { WorkloadCredentials } from './workload-credentials.js';

export interface IdentityOptions {
  readonly spiffeId?: string | undefined;
  readonly jwtSvid?: string | TokenSource | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly caFile?: string | undefined;
  /** Socket of the SPIFFE Workload API: unix:///path or tcp://127.0.0.1:port. */
  readonly workloadApi?: string | undefined;
  /** Of JWT-SVIDs that are fetched; default: the gateway's origin. */
  readonly audience?: string | undefined;
  /** The gateway's certificate must be of this SPIFFE ID, instead of its host name. */
  readonly gatewaySpiffeId?: string | undefined;
}

/** Where the identity goes to. */
interface Target {
  readonly url: URL;
  /** Over TLS that this package makes: a certificate can be shown. */
  readonly takesCertificate: boolean;
}

export function discoverIdentity(target: Target, options: IdentityOptions, surroundings: Surroundings): Credentials {
  const { env } = surroundings;
  const trustPath = options.caFile ?? given(env['PRECINCT_CA_FILE']);
  const trust = target.takesCertificate && trustPath !== undefined ? caFile(trustPath) : undefined;
  return fromArguments(target, options, trust, trustPath) ?? fromEnvironment(target, env, trust, trustPath) ?? fromWorkloadApi(target, options, surroundings, trust) ?? fromFiles(target, env, trust) ?? new GivenCredentials({ source: 'none', trust });
}

/** An empty variable is none. */
function given(value: string | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : value;
}

function fromArguments({ url, takesCertificate }: Target, { spiffeId, jwtSvid, certFile, keyFile }: IdentityOptions, trust: WatchedFiles<TlsMaterial> | undefined, ca: string | undefined): Credentials | undefined {
  if ((certFile === undefined) !== (keyFile === undefined)) throw new ConfigurationError('certFile and keyFile belong together.');
  if (certFile !== undefined && !takesCertificate) throw new ConfigurationError('A client certificate needs an https gatewayUrl.');
  if (spiffeId === undefined && jwtSvid === undefined && certFile === undefined) return undefined;
  const token = typeof jwtSvid === 'string' ? fixedToken(jwtSvid, 'jwtSvid') : jwtSvid;
  return made(url, { source: 'argument', spiffeId: spiffeId === undefined ? undefined : checkSpiffeId(spiffeId, 'spiffeId'), token, certificate: certificateOf(certFile, keyFile, ca), trust });
}

function fromEnvironment({ url, takesCertificate }: Target, env: Surroundings['env'], trust: WatchedFiles<TlsMaterial> | undefined, ca: string | undefined): Credentials | undefined {
  const [spiffeId, jwt, certFile, keyFile] = ['PRECINCT_SPIFFE_ID', 'PRECINCT_JWT_SVID', 'PRECINCT_CERT_FILE', 'PRECINCT_KEY_FILE'].map((name) => given(env[name]));
  if ((certFile === undefined) !== (keyFile === undefined)) throw new ConfigurationError('PRECINCT_CERT_FILE and PRECINCT_KEY_FILE belong together.');
  // The same environment may serve several gateways: over plain HTTP a certificate says nothing.
  const certificate = takesCertificate ? certificateOf(certFile, keyFile, ca) : undefined;
  if (spiffeId === undefined && jwt === undefined && certificate === undefined) return undefined;
  return made(url, { source: 'environment', spiffeId: spiffeId === undefined ? undefined : checkSpiffeId(spiffeId, 'PRECINCT_SPIFFE_ID'), token: jwt === undefined ? undefined : fixedToken(jwt, 'PRECINCT_JWT_SVID'), certificate, trust });
}

function fromWorkloadApi({ url, takesCertificate }: Target, options: IdentityOptions, surroundings: Surroundings, trust: WatchedFiles<TlsMaterial> | undefined): Credentials | undefined {
  const socket = options.workloadApi ?? given(surroundings.env['SPIFFE_ENDPOINT_SOCKET']);
  if (socket === undefined) return undefined;
  if (url.protocol !== 'https:') refuseInTheClear(url, 'A JWT-SVID');
  return new WorkloadCredentials({ socket, isSecure: takesCertificate, audience: options.audience ?? url.origin, gatewaySpiffeId: options.gatewaySpiffeId, trust, surroundings });
}

function fromFiles({ url, takesCertificate }: Target, env: Surroundings['env'], trust: WatchedFiles<TlsMaterial> | undefined): Credentials | undefined {
  const [jwtFile, folder] = ['PRECINCT_JWT_FILE', 'PRECINCT_SVID_DIR'].map((name) => given(env[name]));
  if (jwtFile !== undefined) {
    const file = tokenFile(jwtFile);
    return made(url, { source: 'files', token: () => file.get(), trust });
  }
  if (folder === undefined || !takesCertificate) return undefined;
  return made(url, { source: 'files', certificate: certificateFiles({ cert: join(folder, 'svid.pem'), key: join(folder, 'svid_key.pem'), ca: join(folder, 'bundle.pem') }), trust });
}

function fixedToken(token: string, what: string): TokenSource {
  const checked = checkToken(token, what);
  return () => checked;
}

function certificateOf(cert: string | undefined, key: string | undefined, ca: string | undefined): WatchedFiles<TlsMaterial> | undefined {
  return cert === undefined || key === undefined ? undefined : certificateFiles({ cert, key, ca });
}

function made(url: URL, what: ConstructorParameters<typeof GivenCredentials>[0]): Credentials {
  if (url.protocol !== 'https:') {
    if (what.token !== undefined) refuseInTheClear(url, 'A JWT-SVID');
    if (what.spiffeId !== undefined) refuseInTheClear(url, 'X-SPIFFE-ID');
  }
  return new GivenCredentials(what);
}

/** Whoever is on the way could read, or say, it as well. */
function refuseInTheClear({ hostname }: URL, what: string): void {
  if (!isLoopback(hostname)) throw new ConfigurationError(`${what} is sent over plain HTTP to loopback only: use an https gatewayUrl.`);
}

/** As the URL parser writes hosts. `a.localhost` is what a name server says: many systems ask one. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || /^127\.\d+\.\d+\.\d+$/.test(hostname) || hostname === '[::1]' || /^\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\]$/.test(hostname);
}
