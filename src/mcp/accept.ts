// What a caller's Accept header says: whether it is an MCP client, and what it can read (SPEC section 3).
import { ACCEPT_BOTH, JSON_TYPE, SSE_TYPE } from './media-types.js';

const NOT_ACCEPTED = /;\s*q=0(?:\.0*)?\s*(?:;|$)/i;

function mediaRanges(accept: string): string[] {
  return accept
    .split(',')
    .filter((part) => !NOT_ACCEPTED.test(part))
    .map((part) => (part.split(';', 1)[0] ?? '').trim().toLowerCase());
}

/** Answers for headers seen before: a fleet sends the same few. Strangers may fill it once. */
const known = new Map<string, boolean>();
const KNOWN_MAX = 256;
const KNOWN_CHARS_MAX = 256;

/** The header literally names text/event-stream; wildcards do not count, because every plain HTTP tool sends them. */
export function isMcpClient(accept: string): boolean {
  if (accept === ACCEPT_BOTH) return true; // what most clients send: answered without parsing
  const before = known.get(accept);
  if (before !== undefined) return before;
  const answer = mediaRanges(accept).includes(SSE_TYPE);
  if (known.size < KNOWN_MAX && accept.length <= KNOWN_CHARS_MAX) known.set(accept, answer);
  return answer;
}

/** Whether an answer may be plain JSON; no Accept header accepts anything (RFC 9110, section 12.5.1). */
export function wantsJson(accept: string): boolean {
  if (accept === '' || accept === ACCEPT_BOTH) return true;
  return mediaRanges(accept).some((range) => range === JSON_TYPE || range === 'application/*' || range === '*/*');
}
