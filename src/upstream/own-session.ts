// The gateway's own long-lived session with each upstream, shared by callers that bring none. One instance per thread.
import { endSession, initialize, sessionHeaders, type Greeting, type UpstreamSession } from './handshake.js';
import { AskFault } from './message-reader.js';
import type { UpstreamClient } from './types.js';

const ANSWER_BYTES_MAX = 4 * 1024 * 1024; // of an initialize answer; instructions can be long

export interface OwnSession {
  readonly url: string;
  readonly upstream: UpstreamSession;
  /** mcp-session-id and mcp-protocol-version, for every call within it. */
  headers(): Readonly<Record<string, string>>;
}

export interface OwnSessions {
  /** Calls exactly one of the two: at once when the session is open, else when it is or could not be opened (one handshake for all who wait). */
  ensure(url: string, ready: (session: OwnSession) => void, failed: (fault: AskFault) => void): void;
  /** The upstream answered 404 to `lost`: opens a new one, unless somebody did so already. To be called once per call, and only when nothing was done with it. */
  renew(lost: OwnSession, ready: (session: OwnSession) => void, failed: (fault: AskFault) => void): void;
  /** Ends every session with its upstream. */
  close(): Promise<void>;
}

interface Waiting {
  readonly ready: (session: OwnSession) => void;
  readonly failed: (fault: AskFault) => void;
}

export function createOwnSessions(client: UpstreamClient, options: { readonly timeoutMs: number; readonly clientInfo: Greeting['clientInfo'] }): OwnSessions {
  const open = new Map<string, OwnSession>();
  const opening = new Map<string, Waiting[]>();
  let closed = false;
  const greetingOf = (url: string): Greeting => ({ client, url, clientInfo: options.clientInfo, answerBytesMax: ANSWER_BYTES_MAX });

  function begin(url: string): void {
    const settle = (tell: (waiting: Waiting) => void): void => {
      const all = opening.get(url) ?? [];
      opening.delete(url);
      for (const waiting of all) tell(waiting);
    };
    initialize(greetingOf(url), options.timeoutMs).then((upstream) => {
      if (closed) {
        void endSession(greetingOf(url), upstream);
        return settle(({ failed }) => failed(shutDown()));
      }
      const headers = Object.freeze(sessionHeaders(upstream));
      const session: OwnSession = Object.freeze({ url, upstream, headers: () => headers });
      open.set(url, session);
      settle(({ ready }) => ready(session));
    }, (error: unknown) => {
      const fault = error instanceof AskFault ? error : new AskFault('transport', 'the session could not be opened');
      settle(({ failed }) => failed(fault));
    });
  }

  function ensure(url: string, ready: Waiting['ready'], failed: Waiting['failed']): void {
    if (closed) return failed(shutDown());
    const session = open.get(url);
    if (session !== undefined) return ready(session);
    const waiting = opening.get(url);
    if (waiting !== undefined) return void waiting.push({ ready, failed });
    opening.set(url, [{ ready, failed }]);
    begin(url);
  }

  return {
    ensure,
    renew(lost, ready, failed) {
      if (open.get(lost.url) === lost) open.delete(lost.url);
      ensure(lost.url, ready, failed);
    },
    async close() {
      closed = true;
      const sessions = [...open.values()];
      open.clear();
      await Promise.all(sessions.map(({ url, upstream }) => endSession(greetingOf(url), upstream)));
    },
  };
}

function shutDown(): AskFault {
  return new AskFault('transport', 'the gateway is shutting down', { maybeSent: false });
}
