// The open streams of HTTP+SSE clients, by id, and whose POSTs they take. Any gateway thread may get a POST: the id names the one that holds the stream.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { PeerEvidence } from '../engines/identity/types.js';
import { isJson } from '../mcp/media-types.js';
import type { McpChannel } from './mcp-channel.js';
import type { Handle, Inbound, Refuse, Reply } from './types.js';

const RANDOM_BYTES = 24; // 192 bits: not to be guessed
const ID_FORM = /^([0-9a-f]{1,8})-[0-9a-f]{48}$/;
const HEX = 16;
const ACCEPTED = 202;
/** Nobody learns which of them it was, so that nobody learns which ids there are. */
const UNKNOWN = 'stream_unknown';

export interface SseStreamsParts {
  /** Names this gateway thread among all that ever run. */
  readonly owner: number;
  /** 2n random hexadecimal digits. */
  readonly newHex: (bytes: number) => string;
  readonly handle: Handle;
  readonly refuse: Refuse;
  /** Has the thread `owner` take a POST for its stream; false = there is no such thread. */
  readonly handOver: (owner: number, streamId: string, inbound: Inbound, reply: Reply) => boolean;
}

type Taker = Pick<McpChannel, 'take'>;

interface SseStream {
  readonly channel: Taker;
  readonly caller: Uint8Array;
}

export class SseStreams {
  readonly #parts: SseStreamsParts;
  readonly #open = new Map<string, SseStream>();

  constructor(parts: SseStreamsParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#open.size;
  }

  /** The new stream's id, and what forgets it. */
  add(channel: Taker, evidence: PeerEvidence): { readonly id: string; readonly remove: () => void } {
    const id = `${this.#parts.owner.toString(HEX)}-${this.#parts.newHex(RANDOM_BYTES)}`;
    this.#open.set(id, { channel, caller: callerDigest(evidence) });
    return { id, remove: () => void this.#open.delete(id) };
  }

  /** A POST, once its body is whole or has failed. What is no message is refused as every POST is, whatever stream it names. */
  post(id: string, inbound: Inbound, reply: Reply): void {
    if (reply.aborted || inbound.bodyTooLarge || !isJson(inbound.headers.contentType)) return this.#parts.handle(inbound, reply);
    const owner = Number.parseInt(ID_FORM.exec(id)?.[1] ?? '', HEX);
    const isElsewhere = !Number.isNaN(owner) && owner !== this.#parts.owner;
    if (!isElsewhere || !this.#parts.handOver(owner, id, inbound, reply)) this.take(id, inbound, reply);
  }

  /** For a stream of this thread, if it is one. Its message is answered on the stream, and nothing of a stranger's gets there. */
  take(id: string, inbound: Inbound, reply: Reply): void {
    const stream = this.#open.get(id);
    if (stream === undefined || !timingSafeEqual(stream.caller, callerDigest(inbound.evidence))) return this.#parts.refuse('session_not_found', UNKNOWN, inbound, reply);
    reply.send(ACCEPTED, [], '');
    stream.channel.take(inbound.body, false, inbound);
  }
}

/**
 * Who calls, by what layer 3 will judge. A proof is one from anywhere, and its holder may come from several addresses; a declaration counts for where
 * it comes from.
 */
function callerDigest({ tls, certificatePem, authorization, declaredSpiffeId, declaredAgent, declaredEnv, loopback, ip }: PeerEvidence): Uint8Array {
  const place = loopback ? 'loopback' : ip;
  const proven = certificatePem !== '' || authorization !== '';
  return createHash('sha256').update(JSON.stringify([tls, certificatePem, authorization, declaredSpiffeId, declaredAgent, declaredEnv, proven ? '' : place])).digest();
}
