// The operational log: JSON lines on stderr. Never arguments, never secrets, nothing on the request path.
import pino from 'pino';

export interface Log {
  debug(facts: Readonly<Record<string, unknown>>, text: string): void;
  info(facts: Readonly<Record<string, unknown>>, text: string): void;
  warn(facts: Readonly<Record<string, unknown>>, text: string): void;
  error(facts: Readonly<Record<string, unknown>>, text: string): void;
}

const STDERR = 2;
/** What waits for a disk that is full may grow to this. */
const HELD_BYTES_MAX = 1024 * 1024;

/** Lines that nobody takes (the reader is gone, the disk is full) are lost: they are no reason to end. */
export function createLog(level: 'debug' | 'info' | 'warn' | 'error', thread: string): Log {
  const destination = pino.destination({ fd: STDERR, sync: true, maxLength: HELD_BYTES_MAX });
  destination.on('error', () => undefined);
  return pino({ level, base: { thread }, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}

/** What may be said of a fault: its kind, message and first frame. */
export function faultFacts(fault: unknown): Readonly<Record<string, unknown>> {
  if (!(fault instanceof Error)) return { fault: typeof fault };
  return { fault: fault.name, message: fault.message, at: fault.stack?.split('\n', 2)[1]?.trim() };
}
