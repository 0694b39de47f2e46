// The end of a gateway thread that was told to stop: what is under way may finish within the grace; what is left then is ended, recorded, and told so.
import type { Front } from '../front/listeners.js';
import type { Gateway } from '../gateway.js';
import type { Relay } from './relay.js';

const LAST_ANSWERS_MS = 2000; // for the records of what was ended, and the answers that wait for them

export interface WindUpParts {
  readonly front: Pick<Front, 'close' | 'idle' | 'lose' | 'drain'>;
  readonly relay: Pick<Relay, 'idle' | 'lose'>;
  readonly gateway: Pick<Gateway, 'endStreams' | 'flush' | 'idle' | 'lose'>;
}

/** Stops accepting, and waits at most `graceMs`. Nothing is ended yet but streams without an end: until all threads are here, one may still work for another. */
export async function letFinish({ front, relay, gateway }: WindUpParts, graceMs: number): Promise<void> {
  front.close();
  gateway.endStreams();
  gateway.flush(); // whoever waits for a shared line need not hold up the end
  await Promise.all([front.idle(graceMs), relay.idle(graceMs), gateway.idle(graceMs)]);
}

/** Ends what is still under way, whoever waits for it or nobody, and closes the front. When it resolves, every record has been handed to the audit log. */
export async function endTheRest({ front, relay, gateway }: WindUpParts): Promise<void> {
  gateway.lose('shutdown');
  relay.lose('shutdown');
  front.lose('shutdown');
  gateway.flush();
  await Promise.all([front.drain(LAST_ANSWERS_MS), relay.idle(LAST_ANSWERS_MS), gateway.idle(LAST_ANSWERS_MS)]);
}
