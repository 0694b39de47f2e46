// W3C Trace Context (REC 2021-11-23, section 3.2): the caller's trace goes on, or a new one begins.
import type { Ids } from './ids.js';

export interface TraceContext {
  readonly traceId: string;
  readonly parentSpanId: string | undefined;
  readonly flags: string;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const TRACE_ID_BYTES = 16;

export function continueTrace(traceparent: string, ids: Ids): TraceContext {
  if (traceparent !== '') {
    const found = TRACEPARENT.exec(traceparent);
    const [, version, traceId, spanId, flags, rest] = found ?? [];
    const wellFormed =
      version !== undefined && version !== 'ff' && (version !== '00' || rest === undefined) &&
      traceId !== undefined && !/^0+$/.test(traceId) && spanId !== undefined && !/^0+$/.test(spanId);
    if (wellFormed && flags !== undefined) return { traceId, parentSpanId: spanId, flags };
  }
  return { traceId: ids.hex(TRACE_ID_BYTES), parentSpanId: undefined, flags: '01' };
}
