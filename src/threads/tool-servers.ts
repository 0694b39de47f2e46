// The ways to tool servers, as threads have them: the control thread owns those that are processes, every thread calls the others itself.
import { join } from 'node:path';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Clock } from '../base/clock/clock.js';
import { after, every } from '../base/clock/timers.js';
import { readEnvironment } from '../base/config/environment.js';
import type { GatewayConfig } from '../base/config/schema.js';
import type { JsonGuard } from '../base/json/types.js';
import type { Log } from '../base/telemetry/log.js';
import type { RegisteredServer } from '../engines/registry/types.js';
import type { SentSecrets } from '../engines/secrets/sent-secrets.js';
import { createSecretFinder } from '../response/03-scrub-secrets.js';
import { limitsOf } from '../terminals/answers.js';
import { ownInitializeParams } from '../terminals/legs.js';
import { WireReader } from '../upstream/duplex/wire-message.js';
import { createUpstreamClient } from '../upstream/http-client.js';
import { SseServers } from '../upstream/http-sse/sse-servers.js';
import { servePort } from '../upstream/port/port-server.js';
import { RoutedClient } from '../upstream/routed-client.js';
import { ServerHeaders } from '../upstream/server-headers.js';
import { endLeftOver, noteProcesses } from '../upstream/stdio/left-over.js';
import { StdioServers } from '../upstream/stdio/stdio-servers.js';
import { withTimeouts } from '../upstream/timed-client.js';
import type { UpstreamClient } from '../upstream/types.js';

const MS_PER_SECOND = 1000;

export interface ClientParts {
  readonly config: GatewayConfig;
  readonly connectionsMax: number;
  /** The way to processes. */
  readonly stdio: UpstreamClient;
  readonly guard: JsonGuard;
  readonly servers: ReadonlyMap<string, RegisteredServer>;
  readonly sentSecrets: SentSecrets;
  readonly clock: Clock;
}

export function createToolServerClient({ config, connectionsMax, stdio, guard, servers, sentSecrets, clock }: ClientParts): RoutedClient {
  const { upstream } = config;
  const http = createUpstreamClient({ connectTimeoutMs: upstream.connect_timeout_ms, connectionsMax, pipelining: upstream.pipelining });
  const headers = new ServerHeaders({ variable: readEnvironment().secret, secretsGiven: (upstream, values) => knowOnAllThreads(sentSecrets, upstream, values) });
  const sse = new SseServers({
    client: http, headersOf: (url) => headers.of(url), reader: new WireReader(guard, limitsOf(config)), answerBytesMax: upstream.answer_bytes_max, answerTimeoutMs: upstream.answer_timeout_ms, sessionIdleMs: sessionIdleMs(config), nowMs: clock.nowMs, every,
  });
  return new RoutedClient({ http, sse: withTimeouts(sse, clock.monotonicMs), stdio: withTimeouts(stdio, clock.monotonicMs) }, headers, servers);
}

/** A thread that takes another's place reads the registry as it is then: of a key that was sent before it knows from the others. */
function knowOnAllThreads(sentSecrets: SentSecrets, upstream: string, values: readonly string[]): void {
  sentSecrets.keep(upstream, values);
  try {
    sentSecrets.remember(upstream, values);
  } catch {
    // There is no room: every thread that sends it keeps it.
  }
}

export interface ProcessParts {
  readonly config: () => GatewayConfig;
  readonly root: string;
  readonly stateDir: string;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly guard: JsonGuard;
  readonly secretsSent: SentSecrets;
  readonly servers: ReadonlyMap<string, RegisteredServer>;
  readonly toolsMayDiffer: (upstream: string) => void;
}

export interface OwnedProcesses {
  readonly servers: StdioServers;
  /** One thread's way to them. */
  readonly connect: () => MessagePort;
  /** When all are gone. */
  readonly forget: () => void;
}

/** For the control thread alone: it lives as long as the program, and its end is the processes' end. */
export function ownProcesses({ config, root, stateDir, version, clock, log, guard, secretsSent, servers: entries, toolsMayDiffer }: ProcessParts): OwnedProcesses {
  const started = config();
  const environment = readEnvironment();
  const noted = join(stateDir, 'processes.json');
  const left = endLeftOver(noted);
  if (left.length > 0) log.warn({ pids: left }, 'tool servers of a gateway that did not end properly were ended');
  const servers: StdioServers = new StdioServers({
    reader: new WireReader(guard, limitsOf(started)), answerBytesMax: started.upstream.answer_bytes_max, processesMax: () => config().upstream.processes_max, sessionIdleMs: sessionIdleMs(started),
    bareEnvironment: environment.bare, variable: environment.secret, folder: root, initializeParams: ownInitializeParams(version), nowMs: clock.nowMs, after, every, log,
    secretsOf: (upstream) => secretsSent.of(upstream), secretFinder: createSecretFinder, toolsMayDiffer, processesChanged: () => noteProcesses(noted, servers.pids()),
  });
  servers.setServers(entries);
  const killAll = (): void => servers.kill();
  process.once('exit', killAll);
  return {
    servers,
    connect() {
      const { port1, port2 } = new MessageChannel();
      servePort(port1, servers.forCallers());
      return port2;
    },
    forget: () => void process.removeListener('exit', killAll),
  };
}

function sessionIdleMs({ session }: GatewayConfig): number {
  return session.mcp_session_ttl_s * MS_PER_SECOND;
}
