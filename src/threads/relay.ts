// Requests that belong to an MCP session of another gateway thread, or to a stream of an HTTP+SSE client that it holds: they are handed to it whole,
// before any layer has seen them, and its answer is brought back. All layers run there, and its record is the only one.
import type { MessagePort } from 'node:worker_threads';
import type { PlaceOwner } from '../engines/mcp-session/places.js';
import { isSessionId } from '../engines/mcp-session/session-key.js';
import { InboundMessage } from '../front/inbound.js';
import type { AbortCause, Handle, HeaderPairs, Inbound, LossCause, Refuse, Reply } from '../front/types.js';
import { exactCopy, RelayedReply } from './relayed-reply.js';

/** What two gateway threads say to each other; `id` is always the asking thread's number of the request. */
export type PeerMessage =
  | { readonly kind: 'request'; readonly id: number; readonly inbound: RelayedInbound; readonly body: Uint8Array; readonly streamId: string | undefined }
  | { readonly kind: 'gone'; readonly id: number }
  /** What it waits for ends before it has come; it is still answered. */
  | { readonly kind: 'lost'; readonly id: number; readonly cause: Exclude<LossCause, 'shutdown'> }
  | { readonly kind: 'taken'; readonly id: number; readonly bytes: number }
  | { readonly kind: 'answer'; readonly id: number; readonly status: number; readonly headers: HeaderPairs; readonly body: Uint8Array | string; readonly close: boolean }
  | { readonly kind: 'begin'; readonly id: number; readonly status: number; readonly headers: HeaderPairs }
  | { readonly kind: 'chunk'; readonly id: number; readonly chunk: Uint8Array | string }
  | { readonly kind: 'end' | 'cut'; readonly id: number }
  | { readonly kind: 'evicted'; readonly serial: number };

type RelayedInbound = Pick<Inbound, 'httpMethod' | 'path' | 'evidence' | 'headers' | 'receivedUs' | 'batched'>;

/** A thread's end of the line to another one. */
export interface PeerLine {
  readonly thread: number;
  readonly owner: number;
  readonly port: MessagePort;
}

interface Asked {
  readonly inbound: Inbound;
  readonly reply: Reply;
  began: boolean;
  /** Bytes of a stream that the client has not taken yet. */
  waiting: number;
  slow: boolean;
}

interface Peer extends PeerLine {
  /** What this thread asked of it. */
  readonly asked: Map<number, Asked>;
  /** What it asked of this thread. */
  readonly answering: Map<number, RelayedReply>;
}

export interface RelayParts {
  /** Whether this thread has the session. */
  readonly has: (sessionId: string) => boolean;
  /** The name in shared memory of the thread that has it; of no peer where none is known. */
  readonly ownerOf: (sessionId: string) => number;
  readonly handle: Handle;
  readonly refuse: Refuse;
  /** A POST of an HTTP+SSE client, whose stream this thread should have. */
  readonly takePost: (streamId: string, inbound: Inbound, reply: Reply) => void;
  readonly evict: (serial: number) => void;
  readonly onFault: (fault: unknown) => void;
}

const TOLD_BYTES_MIN = 64 * 1024; // what the client took is told in pieces of this size: a message costs more than a chunk
const FAULT_BODY = '{"code":"gateway_fault","message":"The gateway failed."}';
const INTERNAL_ERROR = 500;

export class Relay {
  readonly #parts: RelayParts;
  readonly #peers = new Map<number, Peer>();
  #lastId = 0;
  #failed = false;
  #onIdle: (() => void) | undefined;
  #onAnswered: (() => void) | undefined;

  constructor(parts: RelayParts) {
    this.#parts = parts;
  }

  connect(line: PeerLine): void {
    const peer: Peer = { ...line, asked: new Map(), answering: new Map() };
    this.#peers.set(line.thread, peer);
    line.port.on('message', (message: PeerMessage) => {
      try {
        this.#hear(peer, message);
      } catch (fault) {
        this.#parts.onFault(fault);
      }
    });
    line.port.on('close', () => this.#lose(peer));
  }

  /** A front's `handle`: what belongs to a session elsewhere goes there. */
  readonly handle: Handle = (inbound, reply) => {
    const peer = this.#ownerOf(inbound, reply);
    if (peer === undefined) this.#parts.handle(inbound, reply);
    else this.#ask(peer, inbound, reply);
  };

  /** Another thread's session lost its place to one of this thread's. */
  tellEvicted({ owner, serial }: PlaceOwner): void {
    const peer = this.#peerCalled(owner);
    if (peer !== undefined) post(peer, { kind: 'evicted', serial });
  }

  /** What this thread had begun to decide, and another one must, or a POST for a stream of the other. False: there is no such thread any more. */
  handOver(owner: number, inbound: Inbound, reply: Reply, streamId?: string): boolean {
    const peer = this.#peerCalled(owner);
    if (peer === undefined) return false;
    this.#ask(peer, inbound, reply, streamId);
    return true;
  }

  /** This thread is ending: what it answers for others gets its answer while it can. */
  lose(cause: LossCause): void {
    this.#failed = cause === 'gateway';
    for (const peer of this.#peers.values()) for (const reply of [...peer.answering.values()]) reply.abort(cause);
  }

  /** Waits at most `graceMs` for what is answered for other threads. */
  async idle(graceMs: number): Promise<void> {
    if (this.#answering()) await inTime(graceMs, (done) => { this.#onIdle = done; });
  }

  /** After a fault: waits at most `graceMs` for what others answer for this thread. What they have not answered then has no decision to name. */
  async answered(graceMs: number): Promise<void> {
    if (this.#asking()) await inTime(graceMs, (done) => { this.#onAnswered = done; });
    for (const peer of this.#peers.values()) {
      for (const [id, { reply, began }] of peer.asked) {
        post(peer, { kind: 'gone', id });
        if (began) reply.destroy();
        else reply.send(INTERNAL_ERROR, [['content-type', 'application/json']], FAULT_BODY, true);
      }
      peer.asked.clear();
    }
  }

  close(): void {
    for (const { port } of this.#peers.values()) port.close();
  }

  /** Undefined: it is this thread's to decide, be it that nobody has such a session. */
  #ownerOf(inbound: Inbound, reply: Reply): Peer | undefined {
    const { mcpSessionId } = inbound.headers;
    // What is not whole is only recorded.
    if (mcpSessionId === '' || this.#peers.size === 0 || reply.aborted || inbound.bodyTooLarge) return undefined;
    if (this.#parts.has(mcpSessionId) || !isSessionId(mcpSessionId)) return undefined;
    return this.#peerCalled(this.#parts.ownerOf(mcpSessionId));
  }

  #peerCalled(owner: number): Peer | undefined {
    for (const peer of this.#peers.values()) if (peer.owner === owner) return peer;
    return undefined;
  }

  #ask(peer: Peer, inbound: Inbound, reply: Reply, streamId?: string): void {
    const id = ++this.#lastId;
    const asked: Asked = { inbound, reply, began: false, waiting: 0, slow: false };
    peer.asked.set(id, asked);
    reply.onAbort((cause: AbortCause) => {
      if (cause === 'shutdown') return; // its owner stops as well, and still answers
      // Its owner answers now, and its record is of that answer. A stream that has begun is cut: to its owner its client is gone.
      if (cause === 'certificates_replaced' || (cause === 'gateway' && !asked.began)) return post(peer, { kind: 'lost', id, cause });
      this.#forget(peer, id);
      post(peer, { kind: 'gone', id });
      if (cause === 'gateway') reply.destroy();
    });
    const { httpMethod, path, evidence, headers, receivedUs, batched = false } = inbound;
    const body = exactCopy(inbound.body);
    post(peer, { kind: 'request', id, inbound: { httpMethod, path, evidence, headers: { ...headers, forwarded: [...headers.forwarded] }, receivedUs, batched }, body, streamId }, [body.buffer]);
  }

  #hear(peer: Peer, message: PeerMessage): void {
    switch (message.kind) {
      case 'request':
        // Of a thread that ends after a fault whoever asked hears of its end, and records that.
        if (!this.#failed) this.#answer(peer, message);
        return;
      case 'gone':
        peer.answering.get(message.id)?.abort('client');
        return;
      case 'lost':
        peer.answering.get(message.id)?.abort(message.cause);
        return;
      case 'taken':
        peer.answering.get(message.id)?.taken(message.bytes);
        return;
      case 'evicted':
        this.#parts.evict(message.serial);
        return;
      default: {
        const asked = peer.asked.get(message.id);
        if (asked !== undefined) this.#bringBack(peer, asked, message);
      }
    }
  }

  #answer(peer: Peer, { id, inbound: relayed, body, streamId }: Extract<PeerMessage, { readonly kind: 'request' }>): void {
    const inbound = new InboundMessage(relayed.httpMethod, relayed.path, relayed.evidence, relayed.headers, relayed.receivedUs, relayed.batched);
    inbound.setBody(Buffer.from(body.buffer, body.byteOffset, body.byteLength), false);
    const reply = new RelayedReply((message, transfer) => post(peer, message, transfer), id, () => {
      peer.answering.delete(id);
      if (!this.#answering()) this.#onIdle?.();
    });
    peer.answering.set(id, reply);
    if (streamId === undefined) this.#parts.handle(inbound, reply);
    else this.#parts.takePost(streamId, inbound, reply);
  }

  #bringBack(peer: Peer, asked: Asked, message: Exclude<PeerMessage, { readonly kind: 'request' | 'gone' | 'lost' | 'taken' | 'evicted' }>): void {
    const { reply } = asked;
    switch (message.kind) {
      case 'answer':
        this.#forget(peer, message.id);
        reply.send(message.status, message.headers, message.body, message.close);
        return;
      case 'begin':
        asked.began = true;
        reply.begin(message.status, message.headers);
        reply.onDrain(() => {
          asked.slow = false;
          tellTaken(peer, message.id, asked);
        });
        return;
      case 'chunk':
        asked.waiting += message.chunk.length;
        if (!reply.write(message.chunk)) asked.slow = true;
        if (asked.waiting >= TOLD_BYTES_MIN) tellTaken(peer, message.id, asked);
        return;
      case 'end':
        this.#forget(peer, message.id);
        reply.end();
        return;
      case 'cut':
        this.#forget(peer, message.id);
        reply.destroy();
        return;
    }
  }

  /** The other thread has ended. What it was asked has no known outcome; its sessions sleep. */
  #lose(peer: Peer): void {
    if (this.#peers.get(peer.thread) === peer) this.#peers.delete(peer.thread);
    for (const { inbound, reply, began } of peer.asked.values()) {
      if (began) reply.destroy();
      else this.#parts.refuse('gateway_fault', 'session_thread_ended', inbound, reply);
    }
    peer.asked.clear();
    this.#tellAnswered();
    for (const reply of [...peer.answering.values()]) reply.abort('client');
  }

  #forget(peer: Peer, id: number): void {
    peer.asked.delete(id);
    this.#tellAnswered();
  }

  #tellAnswered(): void {
    if (this.#onAnswered !== undefined && !this.#asking()) this.#onAnswered();
  }

  #asking(): boolean {
    return [...this.#peers.values()].some(({ asked }) => asked.size > 0);
  }

  #answering(): boolean {
    return [...this.#peers.values()].some(({ answering }) => answering.size > 0);
  }
}

/** Resolves when `listen`'s callback is called, or after `graceMs`. */
function inTime(graceMs: number, listen: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, graceMs);
    listen(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function tellTaken(peer: Peer, id: number, asked: Asked): void {
  if (asked.slow || asked.waiting === 0) return;
  post(peer, { kind: 'taken', id, bytes: asked.waiting });
  asked.waiting = 0;
}

function post({ port }: Peer, message: PeerMessage, transfer: readonly ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}
