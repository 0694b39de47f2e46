// Spans on their way to a collector: OTLP over HTTP, in batches, beside whatever else the thread does. OpenTelemetry's own exporter reads its other
// variables (OTEL_EXPORTER_OTLP_HEADERS, _TIMEOUT, _COMPRESSION, _CERTIFICATE, OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME) as its specification has them.
import { STATUS_CODES } from 'node:http';
import { SpanKind, SpanStatusCode, TraceFlags, type HrTime } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { detectResources, envDetector, resourceFromAttributes, type Resource } from '@opentelemetry/resources';
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace';
import type { SpanFacts } from './span-facts.js';

export interface SpanExportOptions {
  /** Where spans are POSTed, whole. */
  readonly url: string;
  readonly serviceName: string;
  readonly version: string;
  /** The collector took a batch again after it had not, or does no more. */
  readonly onHealth: (because: string | undefined) => void;
}

export interface ExportedSpans {
  readonly exported: number;
  /** A collector that does not answer, or refuses. */
  readonly failed: number;
  /** More waited than are kept. */
  readonly dropped: number;
}

const QUEUE_SPANS_MAX = 8_192;
const BATCH_SPANS_MAX = 512; // OpenTelemetry's default (OTEL_BSP_MAX_EXPORT_BATCH_SIZE)
const WAIT_MS = 1_000; // until a batch that is not full leaves: who looks for a call's trace looks now
const EXPORT_MS_MAX = 10_000; // OTLP's default (OTEL_EXPORTER_OTLP_TIMEOUT)
const CLOSE_MS_MAX = 2_000; // a gateway that stops does not wait for a collector that is away
const US_PER_SECOND = 1_000_000;
const NS_PER_US = 1_000;
const KINDS: Readonly<Record<SpanFacts['kind'], SpanKind>> = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL };

export class SpanExport {
  readonly #processor: BatchSpanProcessor;
  readonly #resource: Resource;
  readonly #scope: ReadableSpan['instrumentationScope'];
  #waiting = 0;
  #exported = 0;
  #failed = 0;
  #dropped = 0;
  #because: string | undefined;

  constructor({ url, serviceName, version, onHealth }: SpanExportOptions) {
    this.#scope = { name: 'precinct-gateway', version };
    this.#resource = resourceFromAttributes({ 'service.name': serviceName, 'service.version': version }).merge(detectResources({ detectors: [envDetector] }));
    this.#processor = new BatchSpanProcessor({
      exporter: this.#counted(new OTLPTraceExporter({ url }), onHealth), maxQueueSize: QUEUE_SPANS_MAX, maxExportBatchSize: BATCH_SPANS_MAX, scheduledDelayMillis: WAIT_MS, exportTimeoutMillis: EXPORT_MS_MAX,
    });
  }

  /** Of one trace: all of them or none. */
  take(spans: readonly SpanFacts[]): void {
    if (this.#waiting + spans.length > QUEUE_SPANS_MAX) {
      this.#dropped += spans.length;
      return;
    }
    this.#waiting += spans.length;
    for (const facts of spans) this.#processor.onEnd(this.#readable(facts));
  }

  report(): ExportedSpans & { readonly because: string | undefined } {
    return { exported: this.#exported, failed: this.#failed, dropped: this.#dropped, because: this.#because };
  }

  /** What waits leaves, if the collector takes it soon. Never rejects. */
  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => { timer = setTimeout(resolve, CLOSE_MS_MAX); });
    await Promise.race([this.#processor.shutdown().catch(() => undefined), late]);
    clearTimeout(timer);
  }

  #counted(exporter: SpanExporter, onHealth: SpanExportOptions['onHealth']): SpanExporter {
    return {
      export: (spans, done) => {
        this.#waiting -= spans.length;
        let settled = false;
        const settle = (because: string | undefined): void => {
          if (settled) return;
          settled = true;
          clearTimeout(timer);
          if (because === undefined) this.#exported += spans.length;
          else this.#failed += spans.length;
          if ((because === undefined) !== (this.#because === undefined)) onHealth(because);
          this.#because = because;
        };
        // The exporter's own time begins anew with each byte of an answer; the next batch leaves after this one.
        const timer = setTimeout(() => settle(`no whole answer within ${EXPORT_MS_MAX} ms`), EXPORT_MS_MAX).unref();
        exporter.export(spans, (result) => {
          settle(result.error === undefined ? undefined : reasonOf(result.error));
          done(result);
        });
      },
      shutdown: () => exporter.shutdown(),
    };
  }

  #readable(facts: SpanFacts): ReadableSpan {
    const { traceId, spanId, parentSpanId, startUs, endUs, error } = facts;
    return {
      name: facts.name, kind: KINDS[facts.kind], spanContext: () => ({ traceId, spanId, traceFlags: TraceFlags.SAMPLED }),
      ...(parentSpanId === undefined ? {} : { parentSpanContext: { traceId, spanId: parentSpanId, traceFlags: TraceFlags.SAMPLED, isRemote: facts.parentIsRemote } }),
      startTime: hrTime(startUs), endTime: hrTime(endUs), duration: hrTime(Math.max(0, endUs - startUs)), ended: true,
      status: error === undefined ? { code: SpanStatusCode.UNSET } : { code: SpanStatusCode.ERROR, message: error },
      attributes: facts.attributes, links: [], events: [], resource: this.#resource, instrumentationScope: this.#scope,
      droppedAttributesCount: 0, droppedEventsCount: 0, droppedLinksCount: 0,
    };
  }
}

/** Not the collector's words, nor what of the headers' variable is taken for a name: the key may stand in either. */
function reasonOf(error: Error): string {
  const code = 'code' in error ? error.code : undefined;
  if (typeof code === 'number') return `HTTP ${code} ${STATUS_CODES[code] ?? ''}`.trimEnd();
  if (code === 'ERR_INVALID_HTTP_TOKEN' || code === 'ERR_INVALID_CHAR') return 'OTEL_EXPORTER_OTLP_HEADERS holds what can be no header; it is NAME=VALUE, a space in VALUE %20';
  return `${error.name}: ${error.message}`;
}

function hrTime(us: number): HrTime {
  const seconds = Math.floor(us / US_PER_SECOND);
  return [seconds, Math.round((us - seconds * US_PER_SECOND) * NS_PER_US)];
}
