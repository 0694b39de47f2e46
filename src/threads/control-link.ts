// A gateway thread's line to the control thread: questions that are answered, and news that are not.
import type { MessagePort } from 'node:worker_threads';
import type { GrantKeeper } from '../chain/exchange.js';
import type { Approvals } from '../layers/09-step-up-gating.js';
import type { AnswerOf, FromGateway, Question } from './messages.js';

export interface ControlLink extends Approvals, GrantKeeper {
  refresh(upstream: string): Promise<void>;
  tell(message: FromGateway): void;
  /** An answer arrived. */
  settle(call: number, value: unknown, error: string | undefined): void;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

const WAITING_MAX = 10_000; // questions under way; above it the layer that asks fails closed

export function createControlLink(port: Pick<MessagePort, 'postMessage'>): ControlLink {
  const waiting = new Map<number, Waiting>();
  const refreshing = new Map<string, Promise<void>>();
  let lastCall = 0;

  const ask = <K extends Question['kind']>(question: Question & { readonly kind: K }): Promise<AnswerOf[K]> =>
    new Promise((resolve, reject) => {
      if (waiting.size >= WAITING_MAX) {
        reject(new Error('the control thread does not keep up'));
        return;
      }
      const call = ++lastCall;
      waiting.set(call, { resolve: (value) => resolve(value as AnswerOf[K]), reject });
      port.postMessage({ kind: 'ask', call, question } satisfies FromGateway);
    });

  return {
    reserveOrRequest: (binding, score, shown) => ask({ kind: 'reserve', binding, score, shown }),
    consume: (requestId, token) => ask({ kind: 'consume', requestId, token }),
    release: (requestId, token) => port.postMessage({ kind: 'release_grant', requestId, token } satisfies FromGateway),
    refresh(upstream) {
      const underWay = refreshing.get(upstream);
      if (underWay !== undefined) return underWay;
      const refresh = ask({ kind: 'refresh', upstream }).then(() => undefined).finally(() => refreshing.delete(upstream));
      refreshing.set(upstream, refresh);
      return refresh;
    },
    tell: (message) => port.postMessage(message),
    settle(call, value, error) {
      const one = waiting.get(call);
      waiting.delete(call);
      if (error === undefined) one?.resolve(value);
      else one?.reject(new Error(error));
    },
  };
}
