// What the control thread does for its gateway threads besides talking to them: their ports, and what is said when one ends, stalls or comes back.
import type { DetailValue } from '../audit/record.js';
import type { GatewayConfig } from '../base/config/schema.js';
import type { Log } from '../base/telemetry/log.js';
import { probePort } from '../front/port-probe.js';
import type { ThreadEvents } from './gateway-threads.js';
import type { ThreadName } from './shared-memory.js';

/** Threads share their ports, and so would a stranger, silently: what somebody else has is found before. Rejects with FrontListenError. */
export async function claimPorts(threads: number, { front, tls }: Pick<GatewayConfig, 'front' | 'tls'>): Promise<void> {
  if (threads === 1) return; // the one thread binds its port for itself alone
  if (front.plain) await probePort(front.host, front.port);
  if (tls.enabled) await probePort(tls.host, tls.port);
}

export interface UpkeepParts {
  readonly log: Log;
  readonly event: (name: string, details: Readonly<Record<string, DetailValue>>) => void;
  /** What this thread left behind in shared memory. */
  readonly cleanUp: (thread: ThreadName) => void;
  /** A new thread knows nothing of the tool servers yet. */
  readonly publish: () => void;
}

export function threadEvents({ log, event, cleanUp, publish }: UpkeepParts): Pick<ThreadEvents, 'died' | 'replaced' | 'notReplaced' | 'stalled' | 'recovered'> {
  return {
    died(thread, owner, reason, replacedInMs) {
      log.error({ thread, because: reason, replaced_in_ms: replacedInMs }, 'a gateway thread ended');
      cleanUp({ index: thread, owner });
      event('thread_ended', { thread, reason, replaced_in_ms: replacedInMs });
    },
    replaced(thread) {
      publish();
      event('thread_replaced', { thread });
    },
    notReplaced(thread, reason, nextInMs) {
      log.error({ thread, because: reason, next_try_in_ms: nextInMs }, 'a gateway thread could not be replaced');
    },
    stalled(thread) {
      log.error({ thread }, 'a gateway thread stands still: nothing on it is answered');
      event('thread_stalled', { thread });
    },
    recovered(thread) {
      event('thread_recovered', { thread });
    },
  };
}
