// What an answer's stream asks of its call.
import type { Deny } from '../chain/verdict.js';
import type { StreamPlace } from './rest-of-stream.js';

/** The call whose answer streams. */
export interface StreamedCall {
  /** Reads on from the server, or not for now. */
  flow(holdsBack: boolean): void;
  /** What it holds of its events; `stalled`: its client keeps it from reading on. */
  holds(bytes: number, stalled: boolean): void;
  /** All answers together hold more than they should. */
  readonly crowded: boolean;
  /** Nothing that still comes from the server counts. */
  giveUp(): void;
  /** Gives up, and ends with `refusal`. */
  fail(refusal: Deny): void;
  /** What the breaker learns of an end with `refusal`. */
  settleWith(refusal: Deny): void;
  /** The server ended its stream at this place, before the answer: whether it is asked for the rest. */
  readsOn(place: StreamPlace): boolean;
  /** Whether this answer is a question to the client, and the call goes on without it: then nothing of it is the client's to see. */
  asksInput(answer: Uint8Array): boolean;
}
