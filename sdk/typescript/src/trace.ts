// W3C traceparent: the caller's current trace where there is one, else a new one for each call.
import { isObject, type JsonObject } from './json.js';
import type { Surroundings } from './surroundings.js';

/** Version ff, and ids of zeroes, are none (W3C Trace Context, section 3.2.2). */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;
const FLAG_SAMPLED = 1;

export interface Trace {
  readonly traceId: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A source of the caller's own; what is no traceparent counts as none. */
export type TraceparentSource = () => string | undefined;

export class Tracer {
  readonly #surroundings: Surroundings;
  readonly #source: TraceparentSource | undefined;
  #openTelemetry: Promise<unknown> | undefined;

  constructor(surroundings: Surroundings, source: TraceparentSource | undefined) {
    this.#surroundings = surroundings;
    this.#source = source;
  }

  async current(): Promise<Trace> {
    const given = this.#source === undefined ? await this.#active() : this.#source();
    const traceId = TRACEPARENT.exec(given ?? '')?.[1];
    if (given !== undefined && traceId !== undefined) return { traceId, headers: { traceparent: given } };
    const fresh = this.#surroundings.randomHex(TRACE_ID_BYTES);
    return { traceId: fresh, headers: { traceparent: `00-${fresh}-${this.#surroundings.randomHex(SPAN_ID_BYTES)}-01` } };
  }

  /** OpenTelemetry's, if the application has it; its name is no static import, because most have not. */
  async #active(): Promise<string | undefined> {
    const name = '@opentelemetry/api';
    this.#openTelemetry ??= import(name).catch(() => undefined) as Promise<unknown>;
    const span = spanContextOf(await this.#openTelemetry);
    if (typeof span?.['traceId'] !== 'string' || typeof span['spanId'] !== 'string') return undefined;
    const flags = typeof span['traceFlags'] === 'number' ? span['traceFlags'] & FLAG_SAMPLED : 0;
    return `00-${span['traceId']}-${span['spanId']}-0${flags}`;
  }
}

interface OpenTelemetryApi {
  readonly context: { active(): unknown };
  readonly trace: { getSpanContext(context: unknown): unknown };
}

function spanContextOf(module: unknown): JsonObject | undefined {
  if (!isApi(module)) return undefined;
  const span = module.trace.getSpanContext(module.context.active());
  return isObject(span) ? span : undefined;
}

function isApi(module: unknown): module is OpenTelemetryApi {
  if (!isObject(module)) return false;
  const { context, trace } = module as { context?: { active?: unknown }; trace?: { getSpanContext?: unknown } };
  return typeof context?.active === 'function' && typeof trace?.getSpanContext === 'function';
}
