// A span as plain data, so that it can cross threads and nothing beyond this folder knows OpenTelemetry.

export interface SpanFacts {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  /** The parent is another service's. */
  readonly parentIsRemote: boolean;
  readonly name: string;
  /** `server`: a request came in; `client`: one went out; `internal`: work between. */
  readonly kind: 'server' | 'client' | 'internal';
  /** Microseconds since the epoch, both. */
  readonly startUs: number;
  readonly endUs: number;
  /** Why it failed; undefined = it did not. */
  readonly error: string | undefined;
  readonly attributes: Readonly<Record<string, string | number | boolean | string[]>>;
}
