// An answer whose stream ended before it: a server may do that on purpose, for the client to come again with Last-Event-ID (2025-11-25, basic/transports); a connection may break.
import { SSE_TYPE } from '../../mcp/media-types.js';
import { resumedAfter, type GatewayLink } from './gateway-link.js';
import { pause } from './pause.js';
import { AGAIN_MAX_MS, type Session } from './session.js';

export interface Resumable {
  /** Ids without an answer. */
  readonly open: ReadonlyMap<string, string>;
  readonly over: AbortController;
  lastEventId: string | undefined;
  retryMs: number;
}

export interface ResumeOptions {
  readonly link: Pick<GatewayLink, 'exchange'>;
  readonly session: Session;
  readonly after: (ms: number, run: () => void) => () => void;
  readonly timeoutMs: number;
  readonly onMessage: (bytes: Buffer) => void;
}

export const RESUME_FIRST_MS = 1_000;
const RESUMES_MAX = 5; // one after the other without a word in between
const [OK, NOT_FOUND] = [200, 404];

/** Resolves when all is answered, or when asking on is of no use: then something is still open. */
export async function resume(asked: Resumable, { link, session, after, timeoutMs, onMessage }: ResumeOptions): Promise<void> {
  const { signal } = asked.over;
  for (let tries = 0; tries < RESUMES_MAX && !session.lost; tries += 1) {
    const before = asked.lastEventId;
    const mark = resumedAfter(before);
    if (mark === undefined) return;
    await pause(Math.min(asked.retryMs, AGAIN_MAX_MS), signal, after);
    if (asked.open.size === 0 || signal.aborted) return;
    const status = await link.exchange({
      method: 'GET', headers: { accept: SSE_TYPE, ...session.headers, ...mark }, body: undefined, signal, timeoutMs, onMessage,
      onMark: ({ eventId }) => { asked.lastEventId = eventId ?? asked.lastEventId; },
    }).then((answer) => answer.status, () => undefined);
    if (asked.open.size === 0 || signal.aborted) return;
    if (status === NOT_FOUND) session.lose();
    if (status !== OK && status !== undefined) return;
    if (asked.lastEventId !== before) tries = -1;
  }
}
