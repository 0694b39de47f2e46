// A gateway thread's line to the control thread: questions that are answered, and news that are not.
import type { MessagePort } from 'node:worker_threads';
import type { GrantKeeper } from '../chain/exit-services.js';
import type { KeptTaint, SessionKeeper } from '../engines/mcp-session/types.js';
import type { Approvals } from '../layers/09-step-up-gating.js';
import type { AnswerOf, FromGateway, Question } from './messages.js';

export interface ControlLink extends Approvals, GrantKeeper {
  refresh(upstream: string): Promise<void>;
  tell(message: FromGateway): void;
  readonly sessions: SessionKeeper;
  /** An answer arrived. */
  settle(call: number, value: unknown, error: string | undefined): void;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface Told {
  used: [number, number][];
  tainted: [number, KeptTaint][];
  over: number[];
}

const WAITING_MAX = 10_000; // questions under way; above it the layer that asks fails closed

export function createControlLink(port: Pick<MessagePort, 'postMessage'>, later: (run: () => void) => void = setImmediate): ControlLink {
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

  /** A sweep may end thousands at once: what is told in one turn is one message. */
  let told: Told = { used: [], tainted: [], over: [] };
  const toBeTold = (): Told => {
    if (told.used.length + told.tainted.length + told.over.length === 0) later(tellSessions);
    return told;
  };
  const tellSessions = (): void => {
    port.postMessage({ kind: 'sessions_told', ...told } satisfies FromGateway);
    told = { used: [], tainted: [], over: [] };
  };

  return {
    reserveOrRequest: (binding, score, shown) => ask({ kind: 'reserve', binding, score, shown }),
    consume: (requestId, token) => ask({ kind: 'consume', requestId, token }),
    release: (requestId, token) => port.postMessage({ kind: 'release_grant', requestId, token } satisfies FromGateway),
    recorded: (requestId) => port.postMessage({ kind: 'grant_recorded', requestId } satisfies FromGateway),
    refresh(upstream) {
      const underWay = refreshing.get(upstream);
      if (underWay !== undefined) return underWay;
      const refresh = ask({ kind: 'refresh', upstream }).then(() => undefined).finally(() => refreshing.delete(upstream));
      refreshing.set(upstream, refresh);
      return refresh;
    },
    tell: (message) => port.postMessage(message),
    sessions: {
      keep: (session) => ask({ kind: 'keep_session', session }).then(() => undefined),
      read: (serial) => ask({ kind: 'read_session', serial }),
      end: (serial) => ask({ kind: 'end_session', serial }).then(() => undefined),
      used: (serial, usedMs) => void toBeTold().used.push([serial, usedMs]),
      tainted: (serial, taint) => void toBeTold().tainted.push([serial, taint]),
      over: (serial) => void toBeTold().over.push(serial),
    },
    settle(call, value, error) {
      const one = waiting.get(call);
      waiting.delete(call);
      if (error === undefined) one?.resolve(value);
      else one?.reject(new Error(error));
    },
  };
}
