// How long a session is good for. Its last use is written late, so a kept session gets a little more than an open one.

const WRITTEN_SHARE = 20; // of its life: a session in use costs the store this many writes
const GRACE_SHARE = 10;

/** A session used this long after the last use that was written has it written again. */
export function writtenEveryMs(ttlMs: number): number {
  return ttlMs / WRITTEN_SHARE;
}

/** Until when a kept session may be taken up: a tenth of its life later than what was written, which covers what was not. */
export function goodUntilMs(writtenMs: number, ttlMs: number): number {
  return writtenMs + ttlMs + ttlMs / GRACE_SHARE;
}
