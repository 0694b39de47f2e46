// W3C Trace Context (REC 2021-11-23, section 3.2): the caller's trace goes on, or a new one begins.
import type { Ids } from './ids.js';

export interface TraceContext {
  readonly traceId: string;
  readonly parentSpanId: string | undefined;
  /** Whether the caller records it; undefined = the trace begins here. */
  readonly sampled: boolean | undefined;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const TRACE_ID_BYTES = 16;
const HEX = 16;
const SAMPLED_FLAG = 1; // section 3.2.2.5.1

export function continueTrace(traceparent: string, ids: Ids): TraceContext {
  if (traceparent !== '') {
    const found = TRACEPARENT.exec(traceparent);
    const [, version, traceId, spanId, flags, rest] = found ?? [];
    const wellFormed =
      version !== undefined && version !== 'ff' && (version !== '00' || rest === undefined) &&
      traceId !== undefined && !/^0+$/.test(traceId) && spanId !== undefined && !/^0+$/.test(spanId);
    if (wellFormed && flags !== undefined) return { traceId, parentSpanId: spanId, sampled: (Number.parseInt(flags, HEX) & SAMPLED_FLAG) !== 0 };
  }
  return { traceId: ids.hex(TRACE_ID_BYTES), parentSpanId: undefined, sampled: undefined };
}

export function traceparent(traceId: string, spanId: string, sampled: boolean): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}
