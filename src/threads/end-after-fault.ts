// The end of a gateway thread after a fault that nobody caught: what is under way is answered and recorded while it can be, then another thread takes its place.
import { setTimeout as sleep } from 'node:timers/promises';
import { faultFacts, type Log } from '../base/telemetry/log.js';
import type { Front } from '../front/listeners.js';
import type { Gateway } from '../gateway.js';
import type { Relay } from './relay.js';

const LAST_REQUESTS_MS = 50; // of connections that are kept: each is refused, and ends with that
const PEERS_ANSWER_MS = 1000; // what other threads decide is theirs to answer and to record, unless they stand still
const FLUSH_MAX_MS = 2000; // for the records of what was under way
const LAST_BYTES_MS = 50; // answers may still lie in the sockets' buffers

export interface EndingParts {
  readonly front: Front;
  readonly gateway: Pick<Gateway, 'lose'>;
  readonly relay: Relay;
  /** All records durable. */
  readonly flush: () => Promise<void>;
  readonly log: Log;
  readonly tell: (reason: string) => void;
  /** What it counted to the end: nobody can ask it any more. */
  readonly tellCounts: () => void;
}

/** From then on nothing of the thread's state can be trusted, so it ends; but an app that is still open would take the whole process along. */
export function endAfterFault({ front, gateway, relay, flush, log, tell, tellCounts }: EndingParts): void {
  let ending = false;
  process.on('uncaughtException', (fault) => {
    log.error(faultFacts(fault), 'a fault that nobody caught: this thread ends');
    if (ending) return;
    ending = true;
    tell(fault instanceof Error ? fault.message : 'an unknown fault');
    void end();
  });

  const end = async (): Promise<void> => {
    try {
      gateway.lose('gateway');
      front.lose('gateway');
      relay.lose('gateway');
      await Promise.all([sleep(LAST_REQUESTS_MS), relay.answered(PEERS_ANSWER_MS)]);
      front.hearNoMore(); // what comes now could not be recorded any more
      await Promise.race([flush(), sleep(FLUSH_MAX_MS)]);
      tellCounts();
      await sleep(LAST_BYTES_MS);
    } finally {
      await front.drain(0);
      process.exit(1);
    }
  };
}
