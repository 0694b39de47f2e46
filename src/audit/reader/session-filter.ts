// A session as it is asked for: by its id, or by what `agw inspect sessions` shows, the beginning of the id's SHA-256. Lines hold the id.
import { createHash } from 'node:crypto';

const SHOWN_FORM = /^[0-9a-f]{8,16}$/;

/** Whether it stands for an id that no line holds as such. */
export function isShownSession(asked: string): boolean {
  return SHOWN_FORM.test(asked);
}

export function isSession(id: string, asked: string): boolean {
  return id === asked || (id !== '' && isShownSession(asked) && createHash('sha256').update(id).digest('hex').startsWith(asked));
}
