// The session of a client with a handshake: its id and version, and the stream on which servers speak unasked, which is opened again whenever it ends.
import { SSE_TYPE } from '../../mcp/media-types.js';
import { CliFailure } from '../failure.js';
import { resumedAfter, type GatewayLink, type StreamMark } from './gateway-link.js';
import { pause } from './pause.js';

export interface SessionOptions {
  readonly link: Pick<GatewayLink, 'exchange'>;
  readonly after: (ms: number, run: () => void) => () => void;
  readonly onMessage: (bytes: Buffer) => void;
  readonly say: (line: string) => void;
}

const AGAIN_FIRST_MS = 1_000;
export const AGAIN_MAX_MS = 30_000; // a gateway that is started again is heard within a minute
const GOODBYE_TIMEOUT_MS = 2_000; // a goodbye that nobody waits for
const [OK, NOT_FOUND, NOT_ALLOWED, TOO_MANY, SERVER_FAULT] = [200, 404, 405, 429, 500];

export class Session {
  readonly id: string;
  version = '';
  /** The gateway knows it no more: only a new initialize helps. */
  lost = false;
  readonly #options: SessionOptions;
  readonly #over = new AbortController();
  #listening = false;
  #lastEventId: string | undefined;

  constructor(id: string, options: SessionOptions) {
    this.id = id;
    this.#options = options;
  }

  get headers(): Readonly<Record<string, string>> {
    return { 'mcp-session-id': this.id, ...(this.version === '' ? {} : { 'mcp-protocol-version': this.version }) };
  }

  /** Returns at once. */
  listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    void this.#follow();
  }

  lose(): void {
    if (this.lost) return;
    this.lost = true;
    this.#over.abort();
    this.#options.say('the gateway no longer knows the session: each request is refused until the client sends initialize again (most do so when they are connected anew).');
  }

  async close(): Promise<void> {
    this.#over.abort();
    if (this.lost) return;
    const never = new AbortController().signal;
    await this.#options.link.exchange({ method: 'DELETE', headers: this.headers, body: undefined, signal: never, timeoutMs: GOODBYE_TIMEOUT_MS, onMessage: () => undefined }).catch(() => undefined);
  }

  async #follow(): Promise<void> {
    const { signal } = this.#over;
    let failures = 0;
    while (!signal.aborted) {
      let retryMs = AGAIN_FIRST_MS;
      const began = { yet: false };
      const refused = await this.#once((mark) => { retryMs = mark.retryMs ?? retryMs; }, began).catch((error: unknown) => {
        if (failures === 0 && !signal.aborted && !began.yet) this.#options.say(`the session's stream: ${error instanceof CliFailure ? error.message : 'failed.'} It is opened again.`);
        return false;
      });
      if (refused) return;
      failures = began.yet ? 0 : failures + 1;
      await pause(Math.min(Math.max(retryMs, failures === 0 ? 0 : AGAIN_FIRST_MS * 2 ** (failures - 1)), AGAIN_MAX_MS), signal, this.#options.after);
    }
  }

  /** True = it need not be asked again. */
  async #once(onMark: (mark: StreamMark) => void, began: { yet: boolean }): Promise<boolean> {
    const headers = { accept: SSE_TYPE, ...this.headers, ...resumedAfter(this.#lastEventId) };
    const { status } = await this.#options.link.exchange({
      method: 'GET', headers, body: undefined, signal: this.#over.signal, timeoutMs: 0, onMessage: this.#options.onMessage,
      onHead: (code) => { began.yet = code === OK; },
      onMark: (mark) => {
        this.#lastEventId = mark.eventId ?? this.#lastEventId;
        onMark(mark);
      },
    });
    if (status === NOT_FOUND) this.lose();
    else if (status !== OK && status !== NOT_ALLOWED && (status < SERVER_FAULT && status !== TOO_MANY)) this.#options.say(`the session's stream is refused (HTTP ${status}): what servers say unasked is not heard.`);
    return status !== OK && status !== TOO_MANY && status < SERVER_FAULT;
  }
}
