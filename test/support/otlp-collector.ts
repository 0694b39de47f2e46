// A small real collector: takes OTLP over HTTP (protobuf), and says what it took. Its messages are the part of opentelemetry/proto/trace/v1/trace.proto that the tests read.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import protobuf from 'protobufjs';

const PROTO = `syntax = "proto3";
message Request { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
message Resource { repeated KeyValue attributes = 1; }
message ScopeSpans { Scope scope = 1; repeated Span spans = 2; }
message Scope { string name = 1; string version = 2; }
message Span {
  bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5; uint32 kind = 6;
  fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9; Status status = 15; fixed32 flags = 16;
}
message Status { string message = 2; uint32 code = 3; }
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; ArrayValue array_value = 5; } }
message ArrayValue { repeated AnyValue values = 1; }`;
const REQUEST = protobuf.parse(PROTO, { keepCase: true }).root.lookupType('Request');

export interface TakenSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** 2 = error. */
  readonly status: number;
  readonly flags: number;
  readonly resource: Readonly<Record<string, unknown>>;
}

export interface OtlpCollector {
  readonly url: string;
  readonly spans: TakenSpan[];
  /** Every byte that came, for what must not be among them. */
  readonly bodies: Buffer[];
  readonly paths: string[];
  readonly authorizations: (string | undefined)[];
  /** HTTP status of its answers; 0 = it hangs. */
  status: number;
  /** Its status line has the key that it was sent. */
  repeatsKey: boolean;
  close(): Promise<void>;
}

interface AnyValue { readonly string_value?: string; readonly bool_value?: boolean; readonly int_value?: number; readonly double_value?: number; readonly array_value?: { readonly values?: readonly AnyValue[] } }
type KeyValues = readonly { readonly key: string; readonly value: AnyValue }[];
interface Span { readonly trace_id: string; readonly span_id: string; readonly parent_span_id?: string; readonly name: string; readonly kind: number; readonly start_time_unix_nano: string; readonly end_time_unix_nano: string; readonly attributes?: KeyValues; readonly status?: { readonly code?: number }; readonly flags?: number }
interface Request { readonly resource_spans?: readonly { readonly resource?: { readonly attributes?: KeyValues }; readonly scope_spans?: readonly { readonly spans?: readonly Span[] }[] }[] }

export async function startOtlpCollector(): Promise<OtlpCollector> {
  const collector = { spans: [] as TakenSpan[], bodies: [] as Buffer[], paths: [] as string[], authorizations: [] as (string | undefined)[], status: 200, repeatsKey: false };
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      collector.paths.push(`${request.method ?? ''} ${request.url ?? ''}`);
      collector.authorizations.push(request.headers.authorization);
      if (collector.status === 0) return;
      if (collector.status === 200) {
        const whole = Buffer.concat(parts);
        const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(whole) : whole;
        collector.bodies.push(body);
        collector.spans.push(...spansIn(body));
      }
      response.writeHead(collector.status, ...(collector.repeatsKey ? [`not ${request.headers.authorization ?? ''}`] : []), { 'content-type': 'application/x-protobuf' }).end();
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return Object.assign(collector, {
    url: `http://127.0.0.1:${port}`,
    close: () => new Promise<void>((done) => {
      server.close(() => done());
      server.closeAllConnections();
    }),
  });
}

function spansIn(body: Buffer): TakenSpan[] {
  const { resource_spans: resources = [] } = REQUEST.toObject(REQUEST.decode(body), { longs: String, bytes: String }) as Request;
  return resources.flatMap(({ resource, scope_spans: scopes = [] }) => scopes.flatMap(({ spans = [] }) => spans.map((span): TakenSpan => ({
    traceId: hex(span.trace_id), spanId: hex(span.span_id), parentSpanId: hex(span.parent_span_id ?? ''), name: span.name, kind: span.kind, startNs: BigInt(span.start_time_unix_nano), endNs: BigInt(span.end_time_unix_nano),
    attributes: valuesOf(span.attributes), status: span.status?.code ?? 0, flags: span.flags ?? 0, resource: valuesOf(resource?.attributes),
  }))));
}

function hex(base64: string): string {
  return Buffer.from(base64, 'base64').toString('hex');
}

function valuesOf(pairs: KeyValues = []): Record<string, unknown> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, valueOf(value)]));
}

function valueOf(value: AnyValue): unknown {
  if (value.array_value !== undefined) return (value.array_value.values ?? []).map(valueOf);
  return value.string_value ?? value.bool_value ?? (value.int_value === undefined ? value.double_value : Number(value.int_value));
}
