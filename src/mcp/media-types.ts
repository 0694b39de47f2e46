// The media types of the transport: a message is JSON, an answer may be a stream of events (2025-11-25, basic/transports).

export const JSON_TYPE = 'application/json';
export const SSE_TYPE = 'text/event-stream';
/** What a client must accept, and as the official SDKs write it. */
export const ACCEPT_BOTH = `${JSON_TYPE}, ${SSE_TYPE}`;

const JSON_WITH_PARAMETERS = /^application\/json\s*(;|$)/i;
const SSE_WITH_PARAMETERS = /^text\/event-stream\s*(;|$)/i;

/** Of a Content-Type header. */
export function isJson(contentType: string): boolean {
  return contentType === JSON_TYPE || JSON_WITH_PARAMETERS.test(contentType); // as most write it: no pattern is needed for that
}

export function isSse(contentType: string): boolean {
  return contentType === SSE_TYPE || SSE_WITH_PARAMETERS.test(contentType);
}

export const JSON_HEADERS: readonly (readonly [string, string])[] = [['content-type', JSON_TYPE]];
/** Nothing on the way may keep events back. */
export const SSE_HEADERS: readonly (readonly [string, string])[] = [['content-type', SSE_TYPE], ['cache-control', 'no-cache'], ['x-accel-buffering', 'no']];
