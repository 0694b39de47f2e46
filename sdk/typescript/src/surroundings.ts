// Clock, chance and environment: what the client takes from the process, in one place, so that a test can pass its own.
import { randomBytes } from 'node:crypto';
import { environment } from './environment.js';

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  nowMs(): number;
  monotonicMs(): number;
  /** From 0, below 1. */
  chance(): number;
  randomHex(bytes: number): string;
  /** A limit: calls once when so long has passed; what it returns stops it. */
  limit(ms: number, then: () => void): () => void;
  /** The same for a pause. */
  pause(ms: number, then: () => void): () => void;
}

const CHANCE_BITS = 32;
const CHANCE_BYTES = CHANCE_BITS / 8;

export function realSurroundings(): Surroundings {
  return {
    env: environment(),
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    chance: () => randomBytes(CHANCE_BYTES).readUInt32BE() / 2 ** CHANCE_BITS,
    randomHex: (bytes) => randomBytes(bytes).toString('hex'),
    limit: after,
    pause: after,
  };
}

function after(ms: number, then: () => void): () => void {
  const timer = setTimeout(then, ms);
  return () => clearTimeout(timer);
}

/** Resolves after so long, or rejects with the signal's reason. */
export function wait(surroundings: Surroundings, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    const stopped = (): void => {
      stop();
      reject(signal.reason as Error);
    };
    const stop = surroundings.pause(ms, () => {
      signal.removeEventListener('abort', stopped);
      resolve();
    });
    signal.addEventListener('abort', stopped, { once: true });
  });
}

/** What several wait for, and one of them gives up. */
export async function orAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  if (signal.aborted) throw signal.reason as Error;
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
