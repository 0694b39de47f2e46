// What a tool server serves now, listed by the CLI itself: before a tool is registered the gateway knows nothing of it.
import { resolve } from 'node:path';
import { systemClock } from '../base/clock/clock.js';
import { after, every } from '../base/clock/timers.js';
import { readEnvironment } from '../base/config/environment.js';
import { packageVersion } from '../base/config/package-version.js';
import { loadJsonGuard } from '../base/json/choose.js';
import type { Log } from '../base/telemetry/log.js';
import { createToolsReader, type ToolsReader } from '../engines/registry/served-tools.js';
import type { RegisteredServer, ServedTool } from '../engines/registry/types.js';
import { ownInitializeParams } from '../terminals/legs.js';
import { WireReader } from '../upstream/duplex/wire-message.js';
import { createScrubber } from '../engines/secrets/scrub.js';
import { createReadText, createSecretFinder } from '../response/03-scrub-secrets.js';
import { createUpstreamClient, parseUpstreamUrl } from '../upstream/http-client.js';
import { SseServers } from '../upstream/http-sse/sse-servers.js';
import { RoutedClient } from '../upstream/routed-client.js';
import { ServerHeaders } from '../upstream/server-headers.js';
import { StdioServers } from '../upstream/stdio/stdio-servers.js';
import { AskFault } from '../upstream/message-reader.js';
import { withTimeouts } from '../upstream/timed-client.js';
import { listTools } from '../upstream/tool-lister.js';
import { CliFailure } from './failure.js';
import { interrupted, withInterrupt } from './interrupt.js';
import { clientInfo } from './mcp-caller.js';
import { remedyForKey } from './key-remedy.js';
import { printable } from './terminal.js';

const LIST_TIMEOUT_MS = 15_000; // a person waits; longer than the gateway's own limit, so that a slow server can be named as such
const PROCESS_LIST_TIMEOUT_MS = 120_000; // npx and the like download first
const PROBE_TIMEOUT_MS = 5_000; // whether it speaks the older transport, after it did not answer by the newer
const CONNECT_TIMEOUT_MS = 5_000;
const PATIENCE_MS = 5_000; // then it is said what is being waited for, again and again
const MS_PER_SECOND = 1000;
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const LIMITS = { depthMax: 64, keysMax: 5_000_000 };

/** What a server has beside tools, as its handshake says: kinds of MCP. */
export type BesideTools = 'prompts' | 'resources';
const BESIDE_TOOLS: readonly BesideTools[] = ['prompts', 'resources'];

export interface Served {
  readonly tools: readonly ServedTool[];
  readonly beside: readonly BesideTools[];
}

export interface Surroundings {
  /** Where a process runs unless its entry says. */
  readonly folder: string;
  /** What a process writes to stderr, a line each; and what is being waited for. */
  readonly say: (line: string) => void;
  /** Values it is sent that must not be shown, beside those of variables. */
  readonly secrets?: readonly string[];
}

/** What came of a process while its tools were asked for. */
interface Heard {
  stderr: boolean;
  /** Values of variables that it was sent. */
  readonly secrets: string[];
}

/** `server`: how it is spoken to, where its URL does not say. `timeoutMs`: for the whole listing. Throws CliFailure that names the server. */
export async function servedBy(url: string, server: RegisteredServer | undefined, surroundings: Surroundings, timeoutMs?: number): Promise<Served> {
  const isProcess = server?.transport.kind === 'stdio';
  const parsed = isProcess ? undefined : parseUpstreamUrl(url);
  if (typeof parsed === 'string') throw new CliFailure(`${parsed} (${url}).`, { remedy: 'Write http://host:port/mcp' });
  const limitMs = timeoutMs ?? (isProcess ? PROCESS_LIST_TIMEOUT_MS : LIST_TIMEOUT_MS);
  const beganMs = systemClock.monotonicMs();
  const heard: Heard = { stderr: false, secrets: [...surroundings.secrets ?? []] };
  try {
    const served = await listedBy(url, server, surroundings, limitMs, heard);
    const showsKey = searchFor(heard.secrets);
    // What is shown is also written into the registry, and its hash is that of the whole text: it can't be cut.
    if (served.tools.some(({ text }) => showsKey(text))) throw new CliFailure(`${url} shows a key that it is sent, in a definition of its tools: nothing of it is shown or registered.`, { remedy: 'Ask those who run it. The gateway cuts the key out of what agents see.', code: 'key_in_definition' });
    return served;
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    const probes = !isProcess && server?.transport.kind !== 'sse';
    const speaksSse = probes && await listedBy(url, overSse(url, server), { ...surroundings, say: () => undefined }, Math.min(PROBE_TIMEOUT_MS, limitMs)).then(() => true, () => false);
    if (speaksSse) throw new CliFailure(`${url} speaks HTTP+SSE, the transport of MCP 2024-11-05.`, { remedy: 'Say so: --transport sse (in the registry, under servers: transport: sse)' });
    const reason = reasonOf(error, systemClock.monotonicMs() - beganMs, probes);
    throw new CliFailure(`${url} did not list its tools: ${searchFor(heard.secrets)(reason) ? 'its answer shows a key that it is sent' : reason}.`, {
      remedy: isProcess ? `Does its command run by itself? ${heard.stderr ? 'What it wrote to stderr is above.' : 'It wrote nothing to stderr.'}` : remedyFor(error, server), code: 'upstream_unavailable',
    });
  }
}

function searchFor(secrets: readonly string[]): (text: string) => boolean {
  const scrubber = createScrubber(secrets, createReadText());
  return (text) => scrubber.isIn(Buffer.from(text));
}

/** Of a server that does not answer: how long a person has waited in all. */
function reasonOf(error: unknown, waitedMs: number, probed: boolean): string {
  if (!(error instanceof Error)) return String(error);
  if (!(error instanceof AskFault && error.kind === 'timeout')) return printable(error.message);
  return `no answer in ${(waitedMs / MS_PER_SECOND).toFixed(1)} s${probed ? ', a try over HTTP+SSE included' : ''}`;
}

function remedyFor(error: unknown, server: RegisteredServer | undefined): string {
  const headers = server === undefined || server.transport.kind === 'stdio' ? {} : server.transport.headers ?? {};
  return remedyForKey(error instanceof Error ? error.message : '', { ofAgw: true, sent: Object.entries(headers) }) ?? 'Is the server running, and is this its MCP endpoint?';
}

function overSse(upstream: string, server: RegisteredServer | undefined): RegisteredServer {
  const headers = server?.transport.kind === 'stdio' ? undefined : server?.transport.headers;
  return { upstream, transport: { kind: 'sse', ...(headers === undefined ? {} : { headers }) }, prefix: '', line: 0 };
}

async function listedBy(url: string, server: RegisteredServer | undefined, surroundings: Surroundings, timeoutMs: number, heard: Heard = { stderr: false, secrets: [] }): Promise<Served> {
  const client = clientFor(server, surroundings, timeoutMs, heard);
  const reader = toolsReader();
  const beganMs = systemClock.monotonicMs();
  const stopWaiting = every(PATIENCE_MS, () => surroundings.say(`waiting for ${url} to list its tools: ${Math.round((systemClock.monotonicMs() - beganMs) / MS_PER_SECOND)} s of ${timeoutMs / MS_PER_SECOND} s`));
  try {
    // A process that the list was asked of is ended, too: it has a group of its own, which Ctrl-C does not reach.
    const { tools, capabilities } = await withInterrupt((stop) => Promise.race([
      listTools(client, url, { timeoutMs, clientInfo: clientInfo(), parseToolsList: (bytes) => reader.parseToolsList(bytes), monotonicMs: systemClock.monotonicMs }),
      interrupted(stop, () => new CliFailure(`interrupted while ${url} was asked for its tools.`, { code: 'interrupted' })),
    ]));
    return { tools, beside: BESIDE_TOOLS.filter((kind) => Object.hasOwn(capabilities, kind)) };
  } finally {
    stopWaiting();
    await client.close();
  }
}

export function toolsReader(): ToolsReader {
  return createToolsReader(loadJsonGuard());
}

function clientFor(server: RegisteredServer | undefined, { folder, say }: Surroundings, timeoutMs: number, heard: Heard): RoutedClient {
  const { nowMs, monotonicMs } = systemClock;
  const environment = readEnvironment();
  const servers = new Map(server === undefined ? [] : [[server.upstream, server]]);
  const http = createUpstreamClient({ connectTimeoutMs: CONNECT_TIMEOUT_MS, connectionsMax: 1 });
  const reader = new WireReader(loadJsonGuard(), LIMITS);
  const headers = new ServerHeaders({ variable: environment.secret, owner: 'this shell', secretsGiven: (_upstream, values) => void heard.secrets.push(...values) });
  const sse = new SseServers({ client: http, headersOf: (address) => headers.of(address), reader, answerBytesMax: ANSWER_BYTES_MAX, answerTimeoutMs: timeoutMs, sessionIdleMs: PROCESS_LIST_TIMEOUT_MS, nowMs, every });
  const stdio = new StdioServers({
    reader, answerBytesMax: ANSWER_BYTES_MAX, processesMax: () => 4, sessionIdleMs: PROCESS_LIST_TIMEOUT_MS, bareEnvironment: environment.bare, variable: environment.secret, folder: resolve(folder), initializeParams: ownInitializeParams(packageVersion()),
    nowMs, after, every, log: logTo(say, heard), secretsOf: () => [], secretFinder: createSecretFinder, toolsMayDiffer: () => undefined, processesChanged: () => undefined,
  });
  stdio.setServers(servers);
  return new RoutedClient({ http, sse: withTimeouts(sse, monotonicMs), stdio: withTimeouts(stdio, monotonicMs) }, headers, servers);
}

function logTo(say: (line: string) => void, heard: Heard): Log {
  const tell: Log['info'] = ({ line, reason }) => {
    if (typeof line === 'string') {
      heard.stderr = true;
      say(line);
    } else if (typeof reason === 'string') say(reason);
  };
  return { debug: tell, info: tell, warn: tell, error: tell };
}
