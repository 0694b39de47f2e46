// Names of a session: the id that its client holds, and the key by which everybody else knows it. The key does not lead back to the id.
import { createHash } from 'node:crypto';

const RANDOM_BYTES = 23; // 184 bits: not to be guessed (MCP 2025-11-25, basic/security_best_practices)
const THREAD_DIGITS = 2;
const HEX = 16;
const ID_FORM = /^[0-9a-f]{48}$/;

/** Begins with the number of the thread that opens the session, for whoever reads a log. */
export function mintSessionId(thread: number, newHex: (bytes: number) => string): string {
  return thread.toString(HEX).padStart(THREAD_DIGITS, '0') + newHex(RANDOM_BYTES);
}

/** Whether a gateway could have made it. */
export function isSessionId(text: string): boolean {
  return ID_FORM.test(text);
}

/** SHA-256 of the id, in hexadecimal. */
export function sessionKey(id: string): string {
  return createHash('sha256').update(id).digest('hex');
}
