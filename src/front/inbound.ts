// One request as the gateway sees it. The body may be a view of uWebSockets.js's own memory, which is detached when the handler returns.
import type { PeerEvidence } from '../engines/identity/types.js';
import { LARGE_BODY_BYTES, type BodyMemory } from './body-memory.js';
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
  #memory: BodyMemory | undefined = undefined;
  #lent = 0;
  #returned = 0;

  constructor(httpMethod: Inbound['httpMethod'], path: string, evidence: PeerEvidence, headers: InboundHeaders, receivedUs: number, batched = false) {
    this.httpMethod = httpMethod;
    this.path = path;
    this.evidence = evidence;
    this.headers = headers;
    this.receivedUs = receivedUs;
    this.batched = batched;
  }
  /** `borrowed`: the bytes are uWebSockets.js's, good until the handler returns. `memory`: where those of a large body come from. */
  setBody(body: Uint8Array, borrowed: boolean, memory?: BodyMemory): void {
    this.body = body;
    this.bodyBytes = body.byteLength;
    this.#owned = !borrowed;
    this.#memory = body.byteLength < LARGE_BODY_BYTES ? undefined : memory;
  }
  dropBody(bodyBytes: number, tooLarge: boolean): void {
    this.body = EMPTY;
    this.bodyBytes = bodyBytes;
    this.bodyTooLarge = tooLarge;
    this.#owned = true;
    this.#memory = undefined;
  }
  retain(): void {
    if (this.#owned) return;
    this.body = this.#memory === undefined ? copyOf(this.body) : copyInto(this.#memory.take(this.body.byteLength), this.body);
    this.#owned = true;
  }
  lendBody(): void {
    this.#lent += 1;
  }
  bodyReturned(): void {
    this.#returned += 1;
  }
  /** The request is answered. A body that was never lent, or not returned, is left to the collector: somebody may be reading it. */
  spend(): void {
    if (this.#memory === undefined || !this.#owned || this.#lent === 0 || this.#lent !== this.#returned) return;
    this.#memory.giveBack(this.body);
    this.#memory = undefined;
    this.body = EMPTY;
  }
}

/** Not from Node's shared pool: a body posted to a worker would drag 8 KiB of neighbours along. */
function copyOf(bytes: Uint8Array): Buffer {
  const copy = new Uint8Array(bytes);
  return Buffer.from(copy.buffer, copy.byteOffset, copy.byteLength);
}

function copyInto(memory: Buffer, bytes: Uint8Array): Buffer {
  memory.set(bytes);
  return memory;
}
