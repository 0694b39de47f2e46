// What is asked again, and when: refusals that come before anything ran; more only where the caller says that repeating is harmless.
import type { Deadline } from './deadline.js';
import { TransportError } from './errors.js';
import { GatewayError } from './gateway-error.js';
import { tableStatus } from './refusals.js';

const SERVICE_UNAVAILABLE = 503;
const TOO_MANY_REQUESTS = 429;
/** Behind it the call has reached the tool server. */
const LAST_STEP_BEFORE_THE_SERVER = 13;
const WAIT_S_MAX = 60;
const MS_PER_SECOND = 1000;

export interface RetryPolicy {
  readonly maxRetries: number;
  /** Seconds. */
  readonly backoffBase: number;
  readonly idempotent: boolean;
  readonly chance: () => number;
}

/** Milliseconds until it is asked again; undefined = it is not. */
export function retryWait(error: unknown, attempt: number, policy: RetryPolicy, deadline: Deadline): number | undefined {
  if (attempt >= policy.maxRetries || deadline.signal.aborted || !isRepeatable(error, policy.idempotent)) return undefined;
  const jittered = policy.backoffBase * 2 ** attempt * policy.chance();
  const asked = error instanceof GatewayError || error instanceof TransportError ? error.retryAfter ?? 0 : 0;
  const waitMs = Math.min(Math.max(asked, jittered), WAIT_S_MAX) * MS_PER_SECOND;
  return waitMs < deadline.leftMs() ? waitMs : undefined;
}

function isRepeatable(error: unknown, idempotent: boolean): boolean {
  if (error instanceof GatewayError) return isBusy(tableStatus(error)) && (error.step ?? LAST_STEP_BEFORE_THE_SERVER) < LAST_STEP_BEFORE_THE_SERVER;
  return idempotent && error instanceof TransportError && (error.kind === 'connection' || (error.kind === 'status' && isBusy(error.httpStatus)));
}

function isBusy(status: number | undefined): boolean {
  return status === SERVICE_UNAVAILABLE || status === TOO_MANY_REQUESTS;
}
