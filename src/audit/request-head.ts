// The beginning of a request's line, up to its ids. Digits and ids are put into a template of bytes, which then becomes one text: as texts of their
// own, read character by character, they would cost as much as the rest of the line.
import { isoMicros } from './json-text.js';

export interface RequestHeadFacts {
  /** Microseconds since the epoch, all three. */
  readonly receivedUs: number;
  readonly decidedUs: number;
  readonly respondedUs: number;
  readonly decisionId: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly argumentsDigest: string | undefined;
}

const TEMPLATE = '{"type":"request","timestamp":"0000-00-00T00:00:00.000000Z","timestamps":{"received":0000000000000000,"decided":0000000000000000,"responded":0000000000000000},"decision_id":"';
const ISO_AT = TEMPLATE.indexOf('0000-');
const ISO_DIGITS_AT = TEMPLATE.indexOf('000000Z');
const RECEIVED_AT = TEMPLATE.indexOf('"received":') + '"received":'.length;
const DECIDED_AT = TEMPLATE.indexOf('"decided":') + '"decided":'.length;
const RESPONDED_AT = TEMPLATE.indexOf('"responded":') + '"responded":'.length;

const DECISION_ID_CHARS = 36;
const TRACE_ID_CHARS = 32;
const SPAN_ID_CHARS = 16;
const DIGEST_CHARS_MAX = 128;
const DECISION_ID_AT = TEMPLATE.length;
const DECISION_ID_END = DECISION_ID_AT + DECISION_ID_CHARS;
const TRACE_ID_AT = DECISION_ID_END + '","trace_id":"'.length;
const TRACE_ID_END = TRACE_ID_AT + TRACE_ID_CHARS;
const SPAN_ID_AT = TRACE_ID_END + '","span_id":"'.length;
const SPAN_ID_END = SPAN_ID_AT + SPAN_ID_CHARS;
const HEAD_END = SPAN_ID_END + 1;

const bytes = Buffer.alloc(HEAD_END + DIGEST_CHARS_MAX);
bytes.write(TEMPLATE, 'latin1');

const US_PER_S = 1_000_000;
const SECONDS_CHARS = 10;
// Seconds of ten digits: 2001 to 2286.
const SECONDS_MIN = 1e9;
const SECONDS_MAX = 1e10;
const ZERO = 0x30;

/** The second that stands at each place. */
const seconds = { received: 0, decided: 0, responded: 0 };

/** The line up to `span_id`, when no character of the ids and of `argumentsDigest` needs care; undefined for what the template can't hold: ids of other lengths or characters, times far away. */
export function requestHead(r: RequestHeadFacts): string | undefined {
  const received = usualSecond(r.receivedUs);
  const decided = usualSecond(r.decidedUs);
  const responded = usualSecond(r.respondedUs);
  if (received === 0 || decided === 0 || responded === 0 || !putIds(r)) return undefined;
  if (received !== seconds.received) putSecond(RECEIVED_AT, (seconds.received = received));
  if (decided !== seconds.decided) putSecond(DECIDED_AT, (seconds.decided = decided));
  if (responded !== seconds.responded) {
    putSecond(RESPONDED_AT, (seconds.responded = responded));
    bytes.write(isoMicros(responded * US_PER_S), ISO_AT, 'latin1');
  }
  putSixDigits(RECEIVED_AT + SECONDS_CHARS, r.receivedUs - received * US_PER_S);
  putSixDigits(DECIDED_AT + SECONDS_CHARS, r.decidedUs - decided * US_PER_S);
  putSixDigits(RESPONDED_AT + SECONDS_CHARS, r.respondedUs - responded * US_PER_S);
  putSixDigits(ISO_DIGITS_AT, r.respondedUs - responded * US_PER_S);
  return bytes.toString('latin1', 0, HEAD_END);
}

/** 0 for a time that is none of the usual ones. */
function usualSecond(us: number): number {
  const s = Math.floor(us / US_PER_S);
  return Number.isInteger(us) && s >= SECONDS_MIN && s < SECONDS_MAX ? s : 0;
}

function putIds({ decisionId, traceId, spanId, argumentsDigest = '' }: RequestHeadFacts): boolean {
  if (decisionId.length !== DECISION_ID_CHARS || traceId.length !== TRACE_ID_CHARS || spanId.length !== SPAN_ID_CHARS || argumentsDigest.length > DIGEST_CHARS_MAX) return false;
  const ids = `${decisionId}","trace_id":"${traceId}","span_id":"${spanId}"${argumentsDigest}`;
  // As UTF-8, so that whatever is not ASCII shows in the length.
  return bytes.write(ids, DECISION_ID_AT) === ids.length
    && isToken(DECISION_ID_AT, DECISION_ID_END) && isToken(TRACE_ID_AT, TRACE_ID_END) && isToken(SPAN_ID_AT, SPAN_ID_END) && isToken(HEAD_END, HEAD_END + argumentsDigest.length);
}

/** As quoteToken has it. */
function isToken(from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x2d || byte > 0x7a || byte === 0x5c) return false;
  }
  return true;
}

function putSecond(at: number, second: number): void {
  bytes.write(String(second), at, 'latin1');
}

function putSixDigits(at: number, value: number): void {
  let rest = value | 0;
  for (let i = at + 5; i >= at; i--) {
    const tens = (rest / 10) | 0;
    bytes[i] = ZERO + rest - tens * 10;
    rest = tens;
  }
}
