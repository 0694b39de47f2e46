// GET /v1/status: what an operator looks at first.
import type { GatewayStats, ThreadHealth } from '../threads/messages.js';
import type { ProcessReport } from '../upstream/stdio/stdio-server.js';
import type { ControlParts } from './parts.js';
import type { Route } from './server.js';

const MS_PER_SECOND = 1000;

export function statusRoutes(parts: ControlParts): Route[] {
  return [{ method: 'GET', path: '/v1/status', answer: async () => ({ status: 200, json: await describe(parts) }) }];
}

async function describe(parts: ControlParts): Promise<unknown> {
  const [stats, audit] = await Promise.all([parts.threads.stats(), parts.audit()]);
  const first = stats[0];
  const counted = parts.kept.take(stats); // a thread that ended has served, too
  const { identities } = parts.inForce();
  return {
    version: parts.version,
    pid: process.pid,
    node: process.version,
    uptime_s: Math.floor((parts.clock.nowMs() - parts.startedMs) / MS_PER_SECOND),
    started_at: new Date(parts.startedMs).toISOString(),
    profile: parts.config().profile,
    listeners: parts.listeners().map((listener) => (listener.kind === 'http' ? listener : { ...listener, certificate_expires_at: timeOf(certificateEnd(stats) ?? 0) })),
    engines: first?.engines,
    digests: first?.digests,
    threads: threadsOf(parts.threads.health()),
    audit: { healthy: audit.healthy, because: audit.because, seq: audit.seq, last_hash: audit.lastHash, file: audit.file, unresolved: audit.unresolved },
    upstreams: parts.upstreams().map((upstream) => ({
      url: upstream.url, state: upstream.state, tools: upstream.tools, verified_at: timeOf(upstream.verifiedMs), era: upstream.modern ? 'modern' : 'legacy', ...(upstream.error === undefined ? {} : { error: upstream.error }),
      ...(upstream.process === undefined ? {} : { process: processOf(upstream.process) }),
      ...pausedOf(upstream.url, stats, parts.clock.nowMs()),
    })),
    identities: { count: identities.identities.length, default: identities.defaultIdentity ?? null },
    requests: { allowed: sum(counted.map(({ chain }) => chain.allowed)), denied: sum(counted.map(({ chain }) => chain.denied)) },
    mcp_sessions: sum(stats.map((one) => one.mcpSessions)),
    mcp_sessions_kept: parts.sessions.count(''),
    traces: parts.traces(),
    warnings: parts.warnings(),
    refused: parts.refused(),
    not_loaded: parts.notLoaded(),
    state_dir: parts.stateDir,
    config_file: parts.configFile,
  };
}

/** Tools whose breaker lets no call through now: their server may well answer its listings. Once its time is over the next call is let through. */
function pausedOf(url: string, stats: readonly GatewayStats[], nowMs: number): { readonly paused?: readonly string[] } {
  const keys = stats.flatMap((one) => one.breakers).filter(([key, state]) => state.kind === 'open' && state.untilMs > nowMs && key.startsWith(`${url} `)).map(([key]) => key);
  return keys.length === 0 ? {} : { paused: [...new Set(keys)].map((key) => key.slice(url.length + 1)) };
}

export function processOf({ instance, pids, ended, lastEnd }: ProcessReport): unknown {
  return { instance, pids, ended, ...(lastEnd === undefined ? {} : { last_end: { reason: lastEnd.reason, at: timeOf(lastEnd.atMs) } }) };
}

function threadsOf({ count, running, stalled, restarts, lastEnd }: ThreadHealth): unknown {
  const last = lastEnd === undefined ? {} : { last_end: { thread: lastEnd.thread, reason: lastEnd.reason, at: timeOf(lastEnd.atMs) } };
  return { gateway: count, running, stalled, restarts, ...last };
}

/** Of the listener of the thread that took up its certificate first, where one has not yet taken up the next; undefined without mTLS. */
export function certificateEnd(stats: readonly GatewayStats[]): number | undefined {
  const ends = stats.flatMap(({ front }) => front.certificateEndsMs ?? []);
  return ends.length === 0 ? undefined : Math.min(...ends);
}

export function timeOf(ms: number): string | null {
  return ms === 0 ? null : new Date(ms).toISOString();
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
