// How a request goes out: over Node's own http and https, or over the caller's fetch.
import { textOf } from './json.js';

export interface HttpRequest {
  readonly method: 'POST' | 'GET' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly signal: AbortSignal;
  /** Whether it may run from here on: it has left whole, or nobody can tell. Not called, it may not. */
  readonly mayRun: (may: boolean) => void;
}

export interface HttpAnswer {
  readonly status: number;
  header(name: string): string | undefined;
  /** Read at the reader's pace; leaving it early closes the connection. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Of an answer that is not read to its end: it would hold its connection, and the process. */
  close(): void;
}

export interface Transport {
  /** Rejects with whatever kept the answer away. Follows no redirect. */
  send(request: HttpRequest): Promise<HttpAnswer>;
  close(): void;
}

/** The code of what kept the answer away, wherever it stands in the chain of causes. Its words may name what was sent. */
export function faultCode(fault: unknown): string | undefined {
  for (let at: unknown = fault; typeof at === 'object' && at !== null; at = (at as { readonly cause?: unknown }).cause) {
    const code = textOf((at as { readonly code?: unknown }).code);
    if (code !== undefined) return code;
  }
  return undefined;
}
