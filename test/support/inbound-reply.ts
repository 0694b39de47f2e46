// What the front hands to the gateway, made by hand: an inbound message whose bytes die with the handler, and a reply that remembers what it was told.
import { InboundMessage } from '../../src/front/inbound.js';
import type { AbortCause, HeaderPairs, InboundHeaders, LossCause, Reply } from '../../src/front/types.js';
import type { PeerEvidence } from '../../src/engines/identity/types.js';

export const MCP_ACCEPT = 'application/json, text/event-stream';

const NO_HEADERS: InboundHeaders = {
  accept: '', contentType: '', mcpSessionId: '', mcpProtocolVersion: '', mcpMethod: '', mcpName: '', lastEventId: '', traceparent: '', tracestate: '', forwarded: [], headerless: false,
};
export const LOOPBACK: PeerEvidence = { ip: '127.0.0.1', loopback: true, tls: false, certificatePem: '', handshakeBundle: '', authorization: '', declaredSpiffeId: '', declaredAgent: '', declaredEnv: '' };

export interface Posted {
  readonly httpMethod?: 'POST' | 'GET' | 'DELETE';
  readonly headers?: Partial<InboundHeaders>;
  readonly evidence?: Partial<PeerEvidence>;
  readonly receivedUs?: number;
  readonly batched?: boolean;
}

/** As uWebSockets.js lends it: `expire` is what happens when the handler has returned. */
export function lentMessage(body: string | Uint8Array, posted: Posted = {}): { readonly inbound: InboundMessage; expire(): void } {
  const method = posted.httpMethod ?? 'POST';
  const inbound = new InboundMessage(method, '/mcp', { ...LOOPBACK, ...posted.evidence }, { ...NO_HEADERS, ...(method === 'POST' ? { contentType: 'application/json' } : {}), ...posted.headers }, posted.receivedUs ?? 0, posted.batched);
  const lent = new Uint8Array(Buffer.from(body)).buffer;
  if (method === 'POST') inbound.setBody(Buffer.from(lent), true);
  return { inbound, expire: () => void structuredClone(lent, { transfer: [lent] }) };
}

/** Keeps the rules of the front's own: nothing counts after the end or a hang-up, except that it is remembered who tried. */
export class RecordedReply implements Reply {
  aborted = false;
  status = 0;
  headers: Record<string, string> = {};
  closeAfter = false;
  /** `whole` and `ended` are good ends; `cut` is one that the client sees. */
  state: 'open' | 'streaming' | 'whole' | 'ended' | 'cut' = 'open';
  sends = 0;
  /** The client reads nothing while this is true. */
  slow = false;
  readonly finished: Promise<void>;
  #finish: () => void = () => undefined;
  #onAbort: ((cause: AbortCause) => void) | undefined;
  #onDrain: (() => void) | undefined;
  readonly #parts: Buffer[] = [];

  constructor() {
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  get text(): string {
    return Buffer.concat(this.#parts).toString('utf8');
  }

  get json(): unknown {
    return JSON.parse(this.text);
  }

  /** The refusal's or error's code, wherever the caller finds it. */
  get code(): unknown {
    const body = this.json as { code?: unknown; error?: { data?: { code?: unknown } } };
    return body.code ?? body.error?.data?.code;
  }

  /** The JSON of each event with data. */
  get events(): unknown[] {
    return this.text.split('\n\n').flatMap((event) => {
      const data = event.split('\n').filter((line) => line.startsWith('data:')).map((line) => line.slice(5).trimStart()).join('\n');
      return data === '' ? [] : [JSON.parse(data) as unknown];
    });
  }

  hangUp(): void {
    this.aborted = true;
    this.#onAbort?.('client');
    this.#finish();
  }

  drain(): void {
    this.slow = false;
    this.#onDrain?.();
  }

  /** What the front does when its thread is ending. */
  lose(cause: LossCause = 'gateway'): void {
    this.#onAbort?.(cause);
  }

  onAbort(listener: (cause: AbortCause) => void): void {
    this.#onAbort = listener;
    if (this.aborted) listener('client');
  }

  send(status: number, headers: HeaderPairs, body: Uint8Array | string, close = false): void {
    this.sends++;
    if (this.aborted || this.state !== 'open') return;
    this.#head(status, headers);
    this.#parts.push(Buffer.from(body));
    this.closeAfter = close;
    this.#end('whole');
  }

  begin(status: number, headers: HeaderPairs): void {
    this.sends++;
    if (this.aborted || this.state !== 'open') return;
    this.#head(status, headers);
    this.state = 'streaming';
  }

  write(chunk: Uint8Array | string): boolean {
    if (this.aborted || this.state !== 'streaming') return true;
    this.#parts.push(Buffer.from(chunk));
    return !this.slow;
  }

  onDrain(listener: () => void): void {
    this.#onDrain = listener;
  }

  end(): void {
    if (this.state === 'streaming') this.#end('ended');
  }

  destroy(): void {
    if (this.state === 'open' || this.state === 'streaming') this.#end('cut');
  }

  #head(status: number, headers: HeaderPairs): void {
    this.status = status;
    this.headers = Object.fromEntries(headers);
  }

  #end(state: 'whole' | 'ended' | 'cut'): void {
    this.state = state;
    this.#finish();
  }
}
