// The control thread's end of traces: requests of all gateway threads become spans and go to the collector.
import { readEnvironment, tracesUrl } from '../base/config/environment.js';
import type { GatewayConfig } from '../base/config/schema.js';
import type { Ids } from '../base/ids/ids.js';
import type { Log } from '../base/telemetry/log.js';
import type { SpanExport } from '../base/telemetry/span-export.js';
import { spansOf, type TracedRequest } from '../chain/request-spans.js';
import { sessionKey } from '../engines/mcp-session/session-key.js';
import type { TraceReport } from '../control/parts.js';

const SERVICE_NAME = 'precinct-gateway';
const SPAN_ID_BYTES = 8;
const GRPC_PORT = '4317'; // the OTLP specification's for gRPC; 4318 is that for HTTP

export interface TraceExport {
  readonly report: () => TraceReport;
  take(requests: readonly TracedRequest[]): void;
  close(): Promise<void>;
}

export async function openTraceExport(config: GatewayConfig, version: string, ids: Ids, log: Log, environment = readEnvironment()): Promise<TraceExport> {
  const url = tracesUrl(config.telemetry.otlp_endpoint, environment);
  if (url === undefined) return exportsNothing({ state: 'off' });
  if (!URL.canParse(url) || !/^https?:/.test(url)) return exportsNothing({ state: 'off', because: 'OTEL_EXPORTER_OTLP_ENDPOINT is not an http: or https: URL' }); // the config's was looked at
  // A gateway without traces starts without their library.
  const library = await import('../base/telemetry/span-export.js');
  const shown = withoutSecrets(url);
  const spans: SpanExport = new library.SpanExport({
    url, version, serviceName: environment.serviceName ?? SERVICE_NAME,
    onHealth: (because) => {
      if (because === undefined) log.info({ collector: shown }, 'traces reach the collector again');
      else log.warn({ collector: shown, because: explained(because, url) }, 'traces do not reach the collector; nothing else waits for it');
    },
  });
  const newSpanId = (): string => ids.hex(SPAN_ID_BYTES);
  return {
    report: () => {
      const { because, ...counts } = spans.report();
      return { state: because === undefined ? 'on' : 'failing', collector: shown, ...(because === undefined ? {} : { because: explained(because, url) }), spans: counts };
    },
    take: (requests) => { for (const request of requests) spans.take(spansOf(request, newSpanId, sessionKey)); },
    close: () => spans.close(),
  };
}

function exportsNothing(report: TraceReport): TraceExport {
  return { report: () => report, take: () => undefined, close: async () => undefined };
}

function withoutSecrets(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`; // a key may stand in its user part or its query
}

/** OpenSSL's and the HTTP parser's words name no remedy, and may have lines. */
function explained(because: string, url: string): string {
  const text = because.replace(/\s+/g, ' ').trim();
  const { port } = new URL(url);
  if (port === GRPC_PORT || text.includes('Expected HTTP/')) return `${text} (port ${port} seems to be OTLP over gRPC; over HTTP it is 4318 with most collectors)`;
  if (text.includes('wrong version number')) return `${text} (no TLS is spoken there: http: instead of https:?)`;
  if (/\b(?:Not Found|Method Not Allowed)\b/.test(text)) return `${text} (is the path the collector's? It is /v1/traces with most)`;
  return text;
}
