// The operational log: JSON lines on stderr. Never arguments, never secrets, nothing on the request path.
import pino from 'pino';

export interface Log {
  debug(facts: Readonly<Record<string, unknown>>, text: string): void;
  info(facts: Readonly<Record<string, unknown>>, text: string): void;
  warn(facts: Readonly<Record<string, unknown>>, text: string): void;
  error(facts: Readonly<Record<string, unknown>>, text: string): void;
}

const STDERR = 2;

export function createLog(level: 'debug' | 'info' | 'warn' | 'error', thread: string): Log {
  return pino({ level, base: { thread }, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ fd: STDERR, sync: true }));
}

/** What may be said of a fault: its kind, message and first frame. */
export function faultFacts(fault: unknown): Readonly<Record<string, unknown>> {
  if (!(fault instanceof Error)) return { fault: typeof fault };
  return { fault: fault.name, message: fault.message, at: fault.stack?.split('\n', 2)[1]?.trim() };
}
