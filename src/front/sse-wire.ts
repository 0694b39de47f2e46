// The stream of an HTTP+SSE client (MCP 2024-11-05, basic/transports) as a channel's wire: each message is one event, and what the client has not taken waits here, counted.
import { dataEvent, KEEP_ALIVE } from '../mcp/message-events.js';
import { CLOSE, type ChannelWire } from './channel-wire.js';
import type { UwsReply } from './write-outbound.js';

/** What has waited is written in pieces: one at a time lies with the library, where its bytes can't be seen going. */
const PIECE_BYTES = 64 * 1024;
/** What was sent is not whole: the client must not take the end for a good one. */
const CUTS: ReadonlySet<number> = new Set([CLOSE.internalError, CLOSE.tryAgainLater]);

export class SseWire implements ChannelWire {
  readonly #reply: Pick<UwsReply, 'write' | 'onDrain' | 'end' | 'destroy'>;
  readonly #onDrained: () => void;
  #waiting: Uint8Array[] = [];
  #from = 0;
  #waitingBytes = 0;
  /** Of what the library holds, as it was when it was written. */
  #heldBytes = 0;

  /** `onDrained`: the client has taken what waited, or some of it. */
  constructor(reply: Pick<UwsReply, 'write' | 'onDrain' | 'end' | 'destroy'>, onDrained: () => void) {
    this.#reply = reply;
    this.#onDrained = onDrained;
    reply.onDrain(() => this.#taken());
  }

  get bufferedBytes(): number {
    return this.#heldBytes + this.#waitingBytes;
  }

  send(message: Uint8Array | string): boolean {
    const event = dataEvent(typeof message === 'string' ? Buffer.from(message) : message);
    if (this.#heldBytes === 0) return this.#write(event);
    this.#waiting.push(event);
    this.#waitingBytes += event.length;
    return false;
  }

  /** Comes every KEEP_ALIVE_MS. */
  tick(): void {
    if (this.#reply.write(KEEP_ALIVE)) this.#taken();
    else if (this.#heldBytes === 0) this.#heldBytes = KEEP_ALIVE.length;
  }

  /** A stream has no close codes: a comment says why it ends, for whoever looks at it. */
  end(code: number, reason: string): void {
    if (CUTS.has(code)) return this.#reply.destroy();
    while (this.#waitingBytes > 0) this.#reply.write(this.#nextPiece());
    this.#reply.write(`: ${reason}\n\n`);
    this.#reply.end();
  }

  /** All that the library held. */
  #taken(): void {
    if (this.#heldBytes === 0) return;
    this.#heldBytes = 0;
    while (this.#waitingBytes > 0 && this.#write(this.#nextPiece()));
    this.#onDrained();
  }

  #write(bytes: Uint8Array): boolean {
    if (this.#reply.write(bytes)) return true;
    this.#heldBytes = bytes.length;
    return false;
  }

  /** Whole events; one that is larger than a piece alone. */
  #nextPiece(): Uint8Array {
    const first = this.#from;
    let bytes = 0;
    do bytes += this.#waiting[this.#from++]?.length ?? 0;
    while (this.#from < this.#waiting.length && bytes + (this.#waiting[this.#from]?.length ?? 0) <= PIECE_BYTES);
    const piece = Buffer.concat(this.#waiting.slice(first, this.#from));
    this.#waitingBytes -= bytes;
    // What was written must not be kept alive by its place.
    if (this.#from === this.#waiting.length || this.#from >= 1024) {
      this.#waiting = this.#waiting.slice(this.#from);
      this.#from = 0;
    }
    return piece;
  }
}
