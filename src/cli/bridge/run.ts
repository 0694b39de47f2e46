// agw bridge as a process: stdin and stdout are the client's, stderr is for people, and it ends with its client.
import { systemClock } from '../../base/clock/clock.js';
import { after } from '../../base/clock/timers.js';
import { isLoopbackHost } from '../../base/config/check-together.js';
import { loadJsonGuard } from '../../base/json/choose.js';
import { LineReader } from '../../upstream/stdio/line-reader.js';
import { givenTimeoutOf } from '../asking.js';
import type { CommandContext } from '../command.js';
import { addressOf, parseAddress, type CallerEvidence } from '../data-plane.js';
import { CliFailure, type ExitCode } from '../failure.js';
import { withInterrupt } from '../interrupt.js';
import { printable } from '../terminal.js';
import { chooseEvidence, type EvidenceSource } from './evidence.js';
import { GatewayLink } from './gateway-link.js';
import { lookAtInflow } from './inflow.js';
import { Output } from './output.js';
import { LINE_BYTES_MAX, Relay } from './relay.js';

const GRACE_MS = 10_000; // what is under way when the client goes; most clients kill after less
const FLUSH_TIMEOUT_MS = 2_000; // a client that is gone reads no more

const IS_URL = /^https?:\/\//i;

export async function runBridge(context: CommandContext): Promise<ExitCode> {
  const { terminal } = context;
  const say = (line: string): void => terminal.warn(`agw bridge: ${printable(line)}`);
  const source = await chooseEvidence(context, { environment: context.environment, after, nowMs: () => systemClock.nowMs(), say });
  const find = finder(context, source);
  await find.check();
  const { stdout } = process;
  const output = new Output(stdout);
  const link = new GatewayLink({ find: find.now, gatewayId: context.option('gatewayId'), reader: output });
  const { stdin } = terminal;
  const relay = new Relay({ link, output, guard: loadJsonGuard(), after, timeoutMs: givenTimeoutOf(context) ?? 0, say, onRoom: () => look() });
  const look = (): void => lookAtInflow({ stdin, isFull: () => relay.isFull, output });
  const lines = new LineReader(LINE_BYTES_MAX, (line) => relay.take(line));
  say(`ready; identity: ${source.about}`);
  await withInterrupt((signal) => new Promise<void>((resolve) => {
    const take = (chunk: Buffer): void => {
      lines.push(chunk);
      look();
    };
    const over = (): void => {
      stdin.off('data', take);
      resolve();
    };
    stdin.on('data', take);
    stdin.once('end', () => {
      lines.end();
      over();
    });
    stdin.once('error', over);
    signal.addEventListener('abort', over, { once: true });
  }));
  await relay.finish(GRACE_MS);
  stdin.destroy();
  link.close();
  source.close();
  if (!(await flushed(stdout))) process.exit(0); // what is written, and never read, would keep this process for good
  return 0;
}

interface Finder {
  /** Throws what no waiting can mend: a wrong option. */
  check(): Promise<void>;
  now(): Promise<{ readonly url: URL; readonly evidence: CallerEvidence }>;
}

/** A gateway that is not up yet is looked for at each request; where one was found it is not asked again. */
function finder(context: CommandContext, source: EvidenceSource): Finder {
  const given = context.option('gateway') ?? context.environment.gateway ?? urlOfVariable(context);
  const named = given !== undefined && IS_URL.test(given) ? parseAddress(given) : undefined;
  const gatewayId = context.option('gatewayId');
  let found: URL | undefined = named;
  const locate = async (): Promise<URL> => {
    if (source.secure === 'not') return parseAddress(await addressOf(context, false));
    try {
      return parseAddress(await addressOf(context, true));
    } catch (failure) {
      if (source.secure === 'must' || !(failure instanceof CliFailure) || failure.code !== 'no_listener') throw failure;
      return parseAddress(await addressOf(context, false));
    }
  };
  return {
    check: async () => {
      if (gatewayId?.startsWith('spiffe://') === false) throw new CliFailure(`--gateway-id ${gatewayId} is no SPIFFE ID.`, { remedy: 'Write spiffe://<trust-domain>/…, as the gateway\'s certificate has it.', code: 'usage' });
      if (named === undefined) return;
      refuseUnproven(named, gatewayId);
      if (source.secure === 'must' && named.protocol !== 'https:') throw new CliFailure(`${named.origin} is plain HTTP: no certificate is asked for there.`, { remedy: 'Name the mTLS listener: --gateway https://host:port', code: 'usage' });
      if (source.secure === 'not') refuseInsecure(named, await source.current(named));
    },
    now: async () => {
      const url = (found ??= await locate());
      refuseUnproven(url, gatewayId);
      const evidence = await source.current(url);
      refuseInsecure(url, evidence);
      return { url, evidence };
    },
  };
}

/** Only a URL: what looks like none must not lead to another gateway. */
function urlOfVariable({ environment }: CommandContext): string | undefined {
  const url = environment.secret('PRECINCT_GATEWAY_URL');
  if (url !== undefined && !IS_URL.test(url)) throw new CliFailure(`PRECINCT_GATEWAY_URL: ${url} is no URL.`, { remedy: 'Write http://host:port', code: 'usage' });
  return url;
}

/** Over plain HTTP a gateway has no certificate that could have the ID. */
function refuseUnproven({ origin, protocol }: URL, gatewayId: string | undefined): void {
  if (gatewayId === undefined || protocol === 'https:') return;
  throw new CliFailure(`${origin} is plain HTTP, where no gateway proves that it is ${gatewayId}.`, { remedy: 'Name the listener with certificates: --gateway https://host:port', code: 'insecure' });
}

/** Whoever sits on the way could read a token, or say who calls. */
function refuseInsecure({ protocol, hostname, origin }: URL, { headers, path }: CallerEvidence): void {
  const says = Object.keys(headers).length > 0 || path !== '/';
  if (protocol === 'https:' || isLoopbackHost(hostname) || !says) return;
  throw new CliFailure(`${origin} is plain HTTP and not on this machine: a token, or a declared identity, is not sent there.`, { remedy: 'Use https://, or a certificate: --cert and --key', code: 'insecure' });
}

/** The client has all that was written; false = it does not read. */
function flushed(stdout: NodeJS.WriteStream): Promise<boolean> {
  return new Promise((resolve) => {
    if (stdout.writableLength === 0) return resolve(true);
    const stop = after(FLUSH_TIMEOUT_MS, () => resolve(false));
    stdout.write('', () => {
      stop();
      resolve(true);
    });
  });
}
