// One question until it is answered: asked again where that is harmless, all within one call's time and one trace.
import type { Deadline } from './deadline.js';
import type { JsonObject } from './json.js';
import type { Core } from './operations.js';
import { retryWait } from './retries.js';
import { wait } from './surroundings.js';
import type { Answer, Channel, Question } from './wire.js';

export interface Asking {
  readonly idempotent: boolean;
  readonly deadline: Deadline;
  /** Opens what the question needs, and says how it is carried. */
  readonly channel: () => Promise<Channel>;
  /** Once: whether what kept the answer away was mended, and nothing has run. */
  readonly repair: (error: unknown, failed: Channel) => Promise<boolean>;
}

export async function* askWithRetries({ settings, surroundings, wire }: Core, question: Question, { idempotent, deadline, channel, repair }: Asking): AsyncGenerator<JsonObject, Answer, undefined> {
  const trace = await wire.trace();
  deadline.traceId = trace.traceId;
  const policy = { maxRetries: settings.maxRetries, backoffBase: settings.backoffBase, idempotent, chance: () => surroundings.chance() };
  let isRepaired = false;
  for (let attempt = 0; ; attempt += 1) {
    const carried = await channel();
    try {
      return yield* wire.ask(question, carried, deadline, trace);
    } catch (error) {
      const waitMs = retryWait(error, attempt, policy, deadline);
      if (waitMs !== undefined) await wait(surroundings, waitMs, deadline.signal);
      else if (isRepaired || !(await repair(error, carried))) throw error;
      else isRepaired = true;
    }
  }
}
