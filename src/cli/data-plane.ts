// Where agents connect, and what says who calls: from the options of a command that goes through the gateway as an agent does.
import { readFileSync, statSync } from 'node:fs';
import type { CommandContext, OptionSpec } from './command.js';
import { CliFailure } from './failure.js';
import { listOf, textOf } from './reading.js';
import { unreadable } from './unreadable.js';

export interface ClientTls {
  readonly cert: string;
  readonly key: string;
  /** Who may be the gateway; undefined = the system's authorities. */
  readonly ca: string | undefined;
}

export interface DataPlane {
  readonly url: URL;
  /** Evidence of identity; none = the certificate, or the gateway's default identity. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: ClientTls | undefined;
}

/** Evidence is a few KiB; what is larger is another file. */
const EVIDENCE_BYTES_MAX = 1024 * 1024;
/** As the gateway's own route has it: an agent's name, and its environment. */
const AGENT = /^([A-Za-z0-9._-]{1,128})(?:\/([A-Za-z0-9._-]{1,128}))?$/;
/** A URL loses dot segments, and what is left is another caller's path. */
const DOTS = /^\.{1,2}$/;
const ENV_DEFAULT = 'dev';

export const CALLER_OPTIONS: readonly OptionSpec[] = [
  { flags: '--as <identity>', about: 'a SPIFFE ID, or an agent\'s name (name, or name/env; env is dev otherwise): declared, which the dev profile believes on loopback' },
  { flags: '--cert <file>', about: 'an X.509-SVID (PEM) to prove who calls, with --key: goes to the mTLS listener' },
  { flags: '--key <file>', about: 'its private key (PEM)' },
  { flags: '--ca <file>', about: 'the authorities (PEM) that the gateway\'s own certificate must come from' },
  { flags: '--token-file <file>', about: 'a bearer token (JWT-SVID) to prove who calls' },
];

/** Throws CliFailure. Asks the control socket where the gateway listens, unless --gateway is a URL. */
export async function findDataPlane(context: CommandContext): Promise<DataPlane> {
  const caller = callerOf(context);
  const { path, headers, tls } = caller;
  const address = await addressOf(context, tls !== undefined);
  const url = parseAddress(address);
  if (tls === undefined && url.protocol === 'https:' && context.option('tokenFile') === undefined) throw new CliFailure(`${address} is the mTLS listener, and nothing proves who calls.`, { remedy: 'Pass --cert and --key, or --token-file.', code: 'usage' });
  if (tls !== undefined && url.protocol === 'http:') throw new CliFailure(`${address} is plain HTTP: no certificate is asked for there.`, { remedy: 'Name the mTLS listener: --gateway https://host:port', code: 'usage' });
  if (path !== '/') url.pathname = path; // an agent's own path in --gateway stays
  return { url, headers, tls };
}

export type CallerEvidence = Omit<DataPlane, 'url'> & { readonly path: string };

/** Throws CliFailure. */
export function callerOf(context: Pick<CommandContext, 'option'>): CallerEvidence {
  const [as, cert, key, token] = ['as', 'cert', 'key', 'tokenFile'].map(context.option);
  if ((cert === undefined) !== (key === undefined)) throw new CliFailure('--cert and --key go together.', { code: 'usage' });
  if ([as, cert, token].filter((one) => one !== undefined).length > 1) throw new CliFailure('--as declares who calls, --cert and --token-file prove it: give one of them.', { remedy: 'The gateway looks at the strongest evidence alone.', code: 'usage' });
  const ca = context.option('ca');
  const trusted = ca === undefined ? undefined : readEvidence('--ca', ca);
  if (cert !== undefined && key !== undefined) return { path: '/', headers: {}, tls: { cert: readEvidence('--cert', cert), key: readEvidence('--key', key), ca: trusted } };
  if (token !== undefined) return bearer(readEvidence('--token-file', token).trim(), `--token-file: ${token}`, trusted);
  if (trusted !== undefined) throw new CliFailure('--ca goes with --cert or --token-file.', { code: 'usage' });
  return { ...declared(as), tls: undefined };
}

/** A name takes the gateway's own path for it, which knows the trust domain. */
export function declared(as: string | undefined, said = '--as'): Pick<CallerEvidence, 'path' | 'headers'> {
  if (as === undefined) return { path: '/', headers: {} };
  if (as.startsWith('spiffe://')) {
    if (!/^[\x21-\x7e]+$/.test(as)) throw new CliFailure(`${said}: a SPIFFE ID has neither blanks nor letters beyond ASCII.`, { code: 'usage' });
    return { path: '/', headers: { 'x-spiffe-id': as } };
  }
  return { path: declaredPath(as, said), headers: {} };
}

/** The gateway's own path for an agent's name. */
export function declaredPath(as: string, said = '--as'): string {
  const [, agent, env = ENV_DEFAULT] = AGENT.exec(as) ?? [];
  if (agent === undefined || DOTS.test(agent) || DOTS.test(env)) throw new CliFailure(`${said} ${as} is neither a SPIFFE ID nor an agent's name.`, { remedy: 'Write spiffe://<trust-domain>/agents/mcp-client/<agent>/<env>, or <agent>/<env>. See: agw identity list', code: 'usage' });
  return `/as/${agent}/${env}`;
}

export function readEvidence(option: string, file: string): string {
  try {
    if (statSync(file).size > EVIDENCE_BYTES_MAX) throw new CliFailure(`${option}: ${file} is larger than 1 MiB.`);
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    throw unreadable(`${option}: ${file}`, error);
  }
}

/** `said`: where the token comes from. `ca`: who may be the gateway, PEM. Throws CliFailure. */
export function bearer(token: string, said: string, ca: string | undefined): CallerEvidence {
  if (!/^[\x21-\x7e]+$/.test(token)) throw new CliFailure(`${said} does not hold one token.`, { remedy: 'It holds the token alone, without "Bearer".', code: 'usage' });
  return { path: '/', headers: { authorization: `Bearer ${token}` }, tls: ca === undefined ? undefined : { cert: '', key: '', ca } };
}

/** Where agents connect: what --gateway says, if it is a URL, or what the gateway tells. Throws CliFailure. */
export async function addressOf(context: Pick<CommandContext, 'control'>, secure: boolean): Promise<string> {
  const control = context.control();
  if (control.dataPlaneOnly) return control.address;
  const listeners = listOf(await control.get('/v1/status').catch(withoutSocket), 'listeners');
  const [kind, scheme] = secure ? ['mtls', 'https'] : ['http', 'http'];
  const found = listeners.find((listener) => textOf(listener, 'kind') === kind);
  if (found === undefined) {
    throw new CliFailure(secure ? 'the gateway has no mTLS listener.' : 'the gateway listens for mTLS alone.', { remedy: secure ? 'Open it: tls.enabled in config/gateway.yaml' : 'Pass --cert and --key, or name a plain listener: --gateway http://host:port', code: 'no_listener' });
  }
  return `${scheme}://${reachable(textOf(found, 'address'))}`;
}

/** Agents run as other users than the gateway, and need its listener alone. */
function withoutSocket(failure: unknown): never {
  if (!(failure instanceof CliFailure) || failure.code !== 'not_permitted') throw failure;
  throw new CliFailure(failure.message, { remedy: 'Say where the gateway listens: --gateway http://host:port', code: failure.code });
}

/** Nobody can connect to "every address". */
function reachable(address: string): string {
  return address.replace(/^0\.0\.0\.0:/, '127.0.0.1:').replace(/^\[::\]:/, '[::1]:');
}

export function parseAddress(address: string): URL {
  if (URL.canParse(address)) return new URL(address);
  throw new CliFailure(`${address} is not a URL.`, { remedy: 'Write http://host:port', code: 'usage' });
}
