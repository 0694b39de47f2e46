// The URL that a client is to be given: where the gateway listens, and in the dev profile whose calls it makes.
import { isLoopbackHost } from '../../base/config/check-together.js';
import type { CommandContext } from '../command.js';
import { declaredPath } from '../data-plane.js';
import { CliFailure } from '../failure.js';
import { listOf, textOf } from '../reading.js';

export interface GatewayUrl {
  readonly url: string;
  readonly profile: string;
  /** What a person must know beside it. */
  readonly notes: readonly string[];
}

const AGENT_PATH = /^spiffe:\/\/[^/]+\/agents\/mcp-client\/([^/]+)\/([^/]+)$/;

/** `--url`, else where the running gateway listens, else what the config file says; with the path of --as. Throws CliFailure. */
export async function gatewayUrl(context: CommandContext): Promise<GatewayUrl> {
  return urlFor(context, context.option('as'));
}

/** `as`: whose path it gets; undefined = none. */
export async function urlFor(context: CommandContext, as: string | undefined): Promise<GatewayUrl> {
  const { base, profile, notes } = await baseOf(context);
  if (as !== undefined && profile === 'strict') throw new CliFailure('--as is for the dev profile: in strict nobody is believed who only says who he is.', { remedy: 'Give the client a certificate or a token of that identity: docs/operations.md', code: 'usage' });
  const url = new URL(base);
  if (as !== undefined) {
    if (url.pathname !== '/' && url.pathname !== '/mcp') throw new CliFailure(`--as takes the place of the path, and ${base} has one.`, { remedy: 'Write --url with the host and port alone.', code: 'usage' });
    url.pathname = pathOf(as);
  }
  const text = url.pathname === '/' && !base.endsWith('/') ? url.href.replace(/\/$/, '') : url.href;
  const proof = profile === 'strict' ? ['the gateway runs in the strict profile: this client must also bring a token (Authorization: Bearer …), or come through a proxy with a certificate'] : [];
  return { url: text, profile, notes: [...notes, ...proof, ...(as === undefined || profile !== 'dev' ? [] : await unregistered(context, url.pathname))] };
}

/** A name that nobody has registered is refused at the first call: better said now. Without a gateway nobody knows. */
async function unregistered(context: CommandContext, path: string): Promise<string[]> {
  try {
    const answer = await context.control().get('/v1/identities');
    const id = path.replace(/^\/as\//, `spiffe://${textOf(answer, 'trust_domain')}/agents/mcp-client/`);
    return listOf(answer, 'identities').some((one) => textOf(one, 'spiffe_id') === id) ? [] : [`${id} is not registered, and its calls are refused until it is: agw identity add ${id}`];
  } catch (error) {
    if (error instanceof CliFailure) return [];
    throw error;
  }
}

/** An agent's name, or a SPIFFE ID of the form that the gateway's own path stands for. */
function pathOf(as: string): string {
  const [, agent, env] = AGENT_PATH.exec(as) ?? [];
  if (as.startsWith('spiffe://') && agent === undefined) throw new CliFailure(`--as ${as}: a URL can name spiffe://<trust-domain>/agents/mcp-client/<agent>/<env> alone.`, { remedy: 'See: agw identity list', code: 'usage' });
  return declaredPath(agent === undefined ? as : `${agent}/${env ?? ''}`);
}

interface Base {
  readonly base: string;
  readonly profile: string;
  readonly notes: readonly string[];
}

async function baseOf(context: CommandContext): Promise<Base> {
  const given = context.option('url');
  if (given !== undefined) return { base: checkedUrl(given), profile: '', notes: [] };
  const control = context.control();
  if (control.dataPlaneOnly) return { base: checkedUrl(control.address), profile: '', notes: [] };
  try {
    const status = await control.get('/v1/status');
    const listener = listOf(status, 'listeners').find((one) => textOf(one, 'kind') === 'http');
    if (listener === undefined) throw new CliFailure('the gateway listens for mTLS alone, and these clients present no certificate.', { remedy: 'Open a plain listener on loopback, or name a proxy that has a certificate: --url https://host:port', code: 'no_listener' });
    return { base: `http://${named(textOf(listener, 'address'))}`, profile: textOf(status, 'profile'), notes: [] };
  } catch (error) {
    if (!(error instanceof CliFailure) || !(error.code === 'gateway_not_running' || error.code === 'not_permitted')) throw error;
    return fromConfig(context, error.code === 'not_permitted' ? 'this user may not ask the gateway where it listens' : 'no gateway is running here');
  }
}

/** `because`: why the gateway itself was not asked. */
async function fromConfig({ project }: CommandContext, because: string): Promise<Base> {
  const { front, profile } = await project.config();
  if (front.port === 0) throw new CliFailure(`${because}, and front.port says that it takes any free port.`, { remedy: 'Name it: --url http://host:port. If it does not run, start it: make up', code: 'gateway_not_running' });
  const host = front.host.includes(':') ? `[${front.host}]` : front.host;
  return { base: `http://${named(`${host}:${front.port}`)}`, profile, notes: [`${because}: the address is the config file's`] };
}

/** As people write it; nobody can connect to "every address". */
function named(address: string): string {
  return address.replace(/^(?:127\.0\.0\.1|0\.0\.0\.0|\[::1?\]):/, 'localhost:');
}

export function checkedUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '' || url.hash !== '') throw new CliFailure(`${text} is no URL of a gateway.`, { remedy: 'Write http://host:port', code: 'usage' });
  return text;
}

/** Whether two URLs lead to the same host and port; every loopback name is the same host. */
export function isSamePlace(one: string, other: string): boolean {
  if (!URL.canParse(one) || !URL.canParse(other)) return false;
  const [a, b] = [new URL(one), new URL(other)];
  const host = ({ hostname }: URL): string => (isLoopbackHost(hostname) ? 'localhost' : hostname);
  const port = ({ port: written, protocol }: URL): string => written || (protocol === 'https:' ? '443' : '80');
  return host(a) === host(b) && port(a) === port(b);
}
