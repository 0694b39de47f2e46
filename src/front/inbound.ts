// One request as the gateway sees it. The body may be a view of uWebSockets.js's own memory, which is detached when the handler returns.
import type { PeerEvidence } from '../engines/identity/types.js';
import type { Inbound, InboundHeaders } from './types.js';

const EMPTY = Buffer.alloc(0);

export class InboundMessage implements Inbound {
  readonly httpMethod: Inbound['httpMethod'];
  readonly path: string;
  readonly evidence: PeerEvidence;
  readonly headers: InboundHeaders;
  readonly receivedUs: number;
  readonly batched: boolean;
  body: Uint8Array = EMPTY;
  bodyTooLarge = false;
  bodyBytes = 0;
  #owned = true;

  constructor(httpMethod: Inbound['httpMethod'], path: string, evidence: PeerEvidence, headers: InboundHeaders, receivedUs: number, batched = false) {
    this.httpMethod = httpMethod;
    this.path = path;
    this.evidence = evidence;
    this.headers = headers;
    this.receivedUs = receivedUs;
    this.batched = batched;
  }
  /** `borrowed`: the bytes are uWebSockets.js's, good until the handler returns. */
  setBody(body: Uint8Array, borrowed: boolean): void {
    this.body = body;
    this.bodyBytes = body.byteLength;
    this.#owned = !borrowed;
  }
  dropBody(bodyBytes: number, tooLarge: boolean): void {
    this.body = EMPTY;
    this.bodyBytes = bodyBytes;
    this.bodyTooLarge = tooLarge;
    this.#owned = true;
  }
  retain(): void {
    if (this.#owned) return;
    // Not from Node's shared pool: a body posted to a worker would drag 8 KiB of neighbours along.
    const copy = new Uint8Array(this.body);
    this.body = Buffer.from(copy.buffer, copy.byteOffset, copy.byteLength);
    this.#owned = true;
  }
}
