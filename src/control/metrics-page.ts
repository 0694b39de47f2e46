// The text of GET /metrics, gathered from the threads when it is asked for and not before.
import { getHeapStatistics } from 'node:v8';
import { Counter, Gauge, Registry } from 'prom-client';
import { LAYER_NAMES } from '../base/errors/table.js';
import { VERDICT_NAMES } from '../audit/record.js';
import type { GatewayStats } from '../threads/messages.js';
import type { Counts } from './kept-counts.js';
import type { ControlParts } from './parts.js';
import { certificateEnd, sum } from './status.js';

const US_PER_SECOND = 1_000_000;
const MS_PER_SECOND = 1000;
const BREAKER_VALUES = { closed: 0, half_open: 1, open: 2 } as const;

/** Everything the threads count, at this moment. */
export async function renderMetrics(parts: ControlParts): Promise<string> {
  const [stats, audit] = await Promise.all([parts.threads.stats(), parts.audit()]);
  const counts = parts.kept.take(stats);
  const register = new Registry();
  const registers = [register];
  const requests = new Counter({ name: 'precinct_requests_total', help: 'Requests by decision.', labelNames: ['decision'], registers });
  requests.inc({ decision: 'ALLOW' }, sum(counts.map((one) => one.chain.allowed)));
  requests.inc({ decision: 'DENY' }, sum(counts.map((one) => one.chain.denied)));
  const codes = new Counter({ name: 'precinct_codes_total', help: 'Requests that ended with an error code.', labelNames: ['code'], registers });
  for (const one of counts) for (const [code, count] of Object.entries(one.chain.byCode)) codes.inc({ code }, count);
  layerMetrics(counts, registers);
  new Gauge({ name: 'precinct_audit_healthy', help: '1 while the audit log keeps what it promises.', registers }).set(audit.healthy ? 1 : 0);
  new Gauge({ name: 'precinct_audit_seq', help: 'Sequence number of the last durable audit line.', registers }).set(audit.seq);
  const up = new Gauge({ name: 'precinct_upstream_up', help: '1 while the tool server could be listed.', labelNames: ['upstream'], registers });
  for (const upstream of parts.upstreams()) up.set({ upstream: upstream.url }, upstream.state === 'up' ? 1 : 0);
  const breakers = new Gauge({ name: 'precinct_breaker_state', help: '0 closed, 1 half-open, 2 open.', labelNames: ['breaker'], registers });
  for (const one of stats) for (const [breaker, state] of one.breakers) breakers.set({ breaker }, BREAKER_VALUES[state.kind]);
  threadMetrics(parts, registers);
  new Gauge({ name: 'precinct_mcp_sessions', help: 'Open MCP sessions.', registers }).set(sum(stats.map((one) => one.mcpSessions)));
  new Gauge({ name: 'precinct_mcp_sessions_kept', help: 'MCP sessions, open or asleep.', registers }).set(parts.sessions.count(''));
  frontMetrics(stats, counts, registers);
  traceMetrics(parts, counts, registers);
  new Gauge({ name: 'precinct_resident_bytes', help: 'Resident memory of the process.', registers }).set(process.memoryUsage.rss());
  new Gauge({ name: 'precinct_heap_bytes', help: 'In use by the JavaScript of all gateway threads and of the control thread, garbage included.', registers }).set(getHeapStatistics().used_heap_size + sum(stats.map((one) => one.heapBytes)));
  return register.metrics();
}

function frontMetrics(stats: readonly GatewayStats[], counts: readonly Counts[], registers: Registry[]): void {
  const total = (of: (front: GatewayStats['front']) => number): number => sum(stats.map((one) => of(one.front)));
  new Gauge({ name: 'precinct_connections', help: 'Open client connections.', registers }).set(total((front) => front.connections));
  new Gauge({ name: 'precinct_websockets', help: 'Open WebSockets, among the connections.', registers }).set(total((front) => front.webSockets));
  new Gauge({ name: 'precinct_sse_streams', help: 'Open streams of HTTP+SSE clients, among the connections.', registers }).set(total((front) => front.sseStreams));
  new Counter({ name: 'precinct_connections_refused_total', help: 'Connections closed at once: front.connections_max were open.', registers }).inc(sum(counts.map((one) => one.connectionsRefused)));
  new Gauge({ name: 'precinct_requests_in_flight', help: 'Requests under way, open streams included.', registers }).set(total((front) => front.requests));
  new Gauge({ name: 'precinct_body_bytes_in_flight', help: 'Bytes of request bodies held.', registers }).set(total((front) => front.bodyBytes));
  new Gauge({ name: 'precinct_unread_bytes', help: 'Bytes that clients have not taken yet.', registers }).set(total((front) => front.unreadBytes));
  new Counter({ name: 'precinct_unread_cut_total', help: 'Connections cut because their clients did not read: front.unread_bytes_max were held.', registers }).inc(sum(counts.map((one) => one.unreadCut)));
  new Gauge({ name: 'precinct_loop_late_seconds', help: 'By how much the latest of the event loops is late.', registers }).set(Math.max(0, ...stats.map((one) => one.front.loopLateUs / US_PER_SECOND)));
  new Gauge({ name: 'precinct_shedding', help: 'Gateway threads that refuse newcomers because they are late.', registers }).set(total((front) => (front.shedding ? 1 : 0)));
  const ends = certificateEnd(stats);
  if (ends !== undefined) new Gauge({ name: 'precinct_tls_certificate_expiry_timestamp_seconds', help: 'When the certificate of the mTLS listener, or one of its chain, ends: Unix time.', registers }).set(ends / MS_PER_SECOND);
}

function traceMetrics(parts: ControlParts, counts: readonly Counts[], registers: Registry[]): void {
  const traces = new Counter({ name: 'precinct_traces_total', help: 'Requests that were to be recorded as traces, by what became of it: over_limit = more than telemetry.traces_per_second_max.', labelNames: ['outcome'], registers });
  traces.inc({ outcome: 'recorded' }, sum(counts.map((one) => one.traces.recorded)));
  traces.inc({ outcome: 'over_limit' }, sum(counts.map((one) => one.traces.overLimit)));
  const spans = new Counter({ name: 'precinct_trace_spans_total', help: 'Spans by what became of them: taken by the collector, not taken, or dropped because too many waited.', labelNames: ['outcome'], registers });
  const { exported = 0, failed = 0, dropped = 0 } = parts.traces().spans ?? {};
  for (const [outcome, count] of Object.entries({ exported, failed, dropped })) spans.inc({ outcome }, count);
}

function threadMetrics(parts: ControlParts, registers: Registry[]): void {
  const { count, running, stalled, restarts } = parts.threads.health();
  new Gauge({ name: 'precinct_gateway_threads', help: 'Gateway threads as configured.', registers }).set(count);
  new Gauge({ name: 'precinct_gateway_threads_running', help: 'Gateway threads that run.', registers }).set(running);
  new Gauge({ name: 'precinct_gateway_threads_stalled', help: 'Gateway threads whose event loop stands still.', registers }).set(stalled.length);
  new Counter({ name: 'precinct_gateway_thread_ends_total', help: 'Gateway threads that ended after a fault; each is replaced.', registers }).inc(restarts);
}

function layerMetrics(counts: readonly Counts[], registers: Registry[]): void {
  const verdicts = new Counter({ name: 'precinct_layer_verdicts_total', help: 'Verdicts by layer.', labelNames: ['layer', 'verdict'], registers });
  const seconds = new Counter({ name: 'precinct_layer_seconds_total', help: 'Time spent in each layer.', labelNames: ['layer'], registers });
  LAYER_NAMES.forEach((layer, i) => {
    for (const one of counts) {
      const report = one.chain.layers[i];
      if (report === undefined) continue;
      VERDICT_NAMES.forEach((verdict, v) => verdicts.inc({ layer, verdict }, report.byVerdict[v] ?? 0));
      seconds.inc({ layer }, report.sumUs / US_PER_SECOND);
    }
  });
}
