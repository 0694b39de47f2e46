// Waiting for a person: the refusal that asks for an approval, and how long the identical call is repeated.
import { ApprovalTimeoutError } from './errors.js';
import { StepUpError } from './families.js';
import { APPROVAL_REQUIRED } from './gateway-error.js';
import { textOf } from './json.js';
import { wait, type Surroundings } from './surroundings.js';

export interface ApprovalRequest {
  readonly requestId: string;
  /** What an approver runs. */
  readonly command: string | undefined;
  readonly expiresAt: string | undefined;
}

const ASK_AGAIN_S = 5; // where the gateway does not say
const ASK_AGAIN_S_MIN = 0.1; // nobody decides faster: a person is not asked for in a hot loop
const ASK_AGAIN_S_MAX = 60;
const MS_PER_SECOND = 1000;

/** Undefined = the error asks for no approval. */
function approvalOf(error: unknown): ApprovalRequest | undefined {
  if (!(error instanceof StepUpError) || error.code !== APPROVAL_REQUIRED) return undefined;
  const requestId = textOf(error.details?.['request_id']);
  return requestId === undefined ? undefined : { requestId, command: textOf(error.details?.['command']), expiresAt: textOf(error.details?.['expires_at']) };
}

/** One call's wait, over all its repeats. */
export class ApprovalWait {
  readonly #surroundings: Surroundings;
  readonly #endMs: number;
  readonly #onRequested: ((request: ApprovalRequest) => void) | undefined;
  #opened: ApprovalRequest | undefined;

  constructor(seconds: number, onRequested: ((request: ApprovalRequest) => void) | undefined, surroundings: Surroundings) {
    this.#surroundings = surroundings;
    this.#endMs = surroundings.monotonicMs() + seconds * MS_PER_SECOND;
    this.#onRequested = onRequested;
  }

  /** Resolves when the call is to be repeated; throws the error that ends it. */
  async after(error: unknown, signal: AbortSignal): Promise<void> {
    const request = approvalOf(error);
    if (request === undefined || !(error instanceof StepUpError)) throw error;
    const opened = this.#opened ?? request;
    const leftMs = this.#endMs - this.#surroundings.monotonicMs();
    // Another request means that the first one ended undecided.
    if (opened.requestId !== request.requestId || leftMs <= 0) throw new ApprovalTimeoutError(error, opened);
    if (this.#opened === undefined) this.#onRequested?.(request);
    this.#opened = opened;
    const askAgainMs = Math.min(Math.max(error.retryAfter ?? ASK_AGAIN_S, ASK_AGAIN_S_MIN), ASK_AGAIN_S_MAX) * MS_PER_SECOND;
    await wait(this.#surroundings, Math.min(askAgainMs, leftMs), signal);
  }
}
