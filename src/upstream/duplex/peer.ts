// One tool server at the other end of a channel. Many callers write to it: ids and progress tokens are made unique on the way there, and restored on the way back.
import { textAt } from '../../base/json/members.js';
import { comparableId } from '../../mcp/message-id.js';
import { METHOD_NOT_FOUND } from '../../mcp/rpc-codes.js';
import { LIST_CHANGED, TOOLS_CHANGED } from '../../mcp/subscriptions.js';
import type { UpstreamCall, UpstreamFault, UpstreamSink } from '../types.js';
import { RefusedCall } from '../refused-call.js';
import type { Channel, ChannelEvents, OpenChannel } from './channel.js';
import { DuplexCall, type CallEnd, type CallPlace } from './duplex-call.js';
import { findAnswered } from './unreadable.js';
import { progressTokenOf, splice, subscriptionOf, type Edit, type WireMessage, type WireReader } from './wire-message.js';

const STRAY_ID_LENGTH_MAX = 64; // shown of an id that we did not give
const CALLS_MAX = 10_000; // on one stream; above it a call is refused instead of queued

export interface PeerOptions {
  readonly reader: WireReader;
  /** Clients of several sessions use it: nothing that is meant for one of them may reach another. */
  readonly shared: boolean;
  readonly heldBytesMax: number;
  /** It may serve other tools now. */
  readonly toolsChanged: () => void;
  /** It wrote what is no message of the protocol. */
  readonly unreadable: (bytes: number) => void;
  /** An answer to an id that was never given. */
  readonly stray: (idText: string) => void;
  readonly closed: (peer: Peer, fault: UpstreamFault) => void;
}

/**
 * A new channel; `full` where there are as many as there may be (`isOwn`: one that does not count), `resting` where the last one ended just now.
 * `ended`: told when it ends by itself.
 */
export type OpenPeer = (ended: (peer: Peer) => void, isOwn: boolean) => Peer | 'full' | 'resting';

export class Peer implements ChannelEvents {
  readonly #options: PeerOptions;
  readonly #channel: Channel;
  readonly #calls = new Map<number, DuplexCall>();
  readonly #streams = new Set<DuplexCall>();
  #lastId = 0;
  #answered = false;
  #heard = 0;
  #closed: UpstreamFault | undefined;

  constructor(open: OpenChannel, options: PeerOptions) {
    this.#options = options;
    this.#channel = open(this);
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /** It has answered at least once. */
  get answered(): boolean {
    return this.#answered;
  }

  /** How many messages it has sent. */
  get heard(): number {
    return this.#heard;
  }

  /** Somebody waits for an answer. */
  get asked(): boolean {
    return this.#calls.size > 0;
  }

  /** Calls and streams under way. */
  get busy(): boolean {
    return this.#calls.size + this.#streams.size > 0;
  }

  /** `ended`: told how it ended, before the sink is. */
  ask(body: Uint8Array, message: WireMessage, place: Pick<CallPlace, 'session' | 'headers'>, sink: UpstreamSink, ended?: (how: CallEnd) => void): UpstreamCall {
    if (this.#closed !== undefined) return new RefusedCall(sink, { ...this.#closed, maybeSent: false });
    if (this.#calls.size >= CALLS_MAX) return new RefusedCall(sink, { kind: 'transport', maybeSent: false, crowdedOut: true, message: 'too many calls wait for this server' });
    const wireId = ++this.#lastId;
    const idText = message.id === undefined ? undefined : textAt(body, message.id);
    const progressTokenText = message.progressToken === undefined ? undefined : textAt(body, message.progressToken);
    const call = new DuplexCall(wireId, { ...place, idText, progressTokenText, heldBytesMax: this.#options.heldBytesMax }, sink, (one, how) => {
      this.#forget(one, how);
      ended?.(how);
    });
    this.#calls.set(wireId, call);
    const edits = [message.id, message.progressToken].flatMap((span) => (span === undefined ? [] : [{ ...span, text: String(wireId) }]));
    this.#channel.send(splice(body, edits), (fault) => call.fault(fault));
    return call;
  }

  /** A notification, or a client's answer to what this server asked. */
  tell(body: Uint8Array): void {
    if (this.#closed === undefined) this.#channel.send(Buffer.from(body), () => undefined, true);
  }

  /** A client cancels: the id it names is its own. */
  cancel(session: string | undefined, body: Uint8Array, message: WireMessage): void {
    if (message.requestId === undefined) return;
    const named = comparableId(textAt(body, message.requestId));
    for (const call of this.#calls.values()) {
      if (call.cancelled || call.place.session !== session || call.place.idText === undefined || comparableId(call.place.idText) !== named) continue;
      call.cancelled = true;
      this.tell(splice(body, [{ ...message.requestId, text: String(call.wireId) }]));
      return;
    }
  }

  /** A stream for what the server says of itself. */
  listen(session: string, sink: UpstreamSink): UpstreamCall {
    const stream = new DuplexCall(0, { idText: undefined, progressTokenText: undefined, session, headers: {}, heldBytesMax: this.#options.heldBytesMax }, sink, (one) => void this.#streams.delete(one));
    this.#streams.add(stream);
    process.nextTick(() => stream.open()); // as every callback: after the call has returned
    return stream;
  }

  close(): void {
    if (this.#closed !== undefined) return;
    this.#end({ kind: 'transport', maybeSent: true, message: 'the server was stopped' });
    this.#channel.close();
  }

  /** It runs and is of no use: ended as if it had ended by itself. */
  fail(message: string): void {
    if (this.#closed !== undefined) return;
    this.#channel.close();
    this.onClosed({ kind: 'transport', maybeSent: true, message });
  }

  onClosed(fault: UpstreamFault): void {
    if (this.#closed !== undefined) return;
    this.#end(fault);
    this.#options.closed(this, fault);
  }

  onMessage(bytes: Buffer): boolean {
    if (this.#closed !== undefined) return false;
    this.#heard += 1;
    const message = this.#options.reader.read(bytes);
    switch (message.kind) {
      case 'response': return this.#takeAnswer(bytes, message);
      case 'request': return this.#takeRequest(bytes, message);
      case 'notification': return this.#takeNotification(bytes, message);
      case 'invalid': return this.#takeUnreadable(bytes);
    }
  }

  #takeAnswer(bytes: Buffer, message: WireMessage): boolean {
    const idText = message.id === undefined ? '' : textAt(bytes, message.id);
    const call = this.#calls.get(Number(idText)) ?? (message.isError && idText === 'null' ? this.#only() : undefined);
    this.#answered = true;
    // Of a call that was given up, or of none: there is nobody to tell.
    if (call === undefined || message.id === undefined) {
      if (!this.#gave(Number(idText))) this.#options.stray(idText.slice(0, STRAY_ID_LENGTH_MAX));
      return false;
    }
    call.answer(splice(bytes, [{ ...message.id, text: call.place.idText ?? 'null' }]), message.isError ? 'refused' : 'answered');
    return true;
  }

  #gave(wireId: number): boolean {
    return Number.isInteger(wireId) && wireId > 0 && wireId <= this.#lastId;
  }

  #takeRequest(bytes: Buffer, message: WireMessage): boolean {
    const listener = this.#options.shared ? undefined : this.#listener();
    if (listener !== undefined) {
      listener.event(bytes);
      return true;
    }
    const idText = message.id === undefined ? 'null' : textAt(bytes, message.id);
    this.tell(Buffer.from(`{"jsonrpc":"2.0","id":${idText},"error":{"code":${METHOD_NOT_FOUND},"message":"The client cannot answer requests."}}`));
    return false;
  }

  #takeNotification(bytes: Buffer, message: WireMessage): boolean {
    if (message.method === TOOLS_CHANGED) this.#options.toolsChanged();
    const token = message.method === 'notifications/progress' ? progressTokenOf(bytes, message) : undefined;
    if (token !== undefined) return this.#toCall(bytes, token, (call) => call.place.progressTokenText);
    const subscription = subscriptionOf(bytes, message);
    if (subscription !== undefined) return this.#toCall(bytes, subscription, (call) => call.place.idText);
    if (LIST_CHANGED.has(message.method)) {
      for (const stream of [...this.#streams]) stream.event(Buffer.from(bytes));
      return false; // it goes to all, and nobody waits for it
    }
    // Whose a log message or an updated resource is, a process that serves many does not say.
    const listener = this.#options.shared ? undefined : this.#listener();
    listener?.event(bytes);
    return listener !== undefined;
  }

  #toCall(bytes: Buffer, at: { readonly from: number; readonly to: number }, textOf: (call: DuplexCall) => string | undefined): boolean {
    const call = this.#calls.get(Number(textAt(bytes, at)));
    const text = call === undefined ? undefined : textOf(call);
    if (call === undefined || text === undefined) return false;
    call.event(splice(bytes, [{ ...at, text } satisfies Edit]));
    return true;
  }

  /** What is no JSON-RPC message of ours, but answers somebody, goes to him: whoever reads it there refuses it with the reason. */
  #takeUnreadable(bytes: Buffer): boolean {
    const call = this.#calls.get(findAnswered(bytes));
    if (call === undefined) this.#options.unreadable(bytes.length);
    call?.answer(bytes, 'refused');
    return call !== undefined;
  }

  /** Who hears what belongs to no request: with one call under way it is most likely of that. */
  #listener(): DuplexCall | undefined {
    const [stream] = this.#streams;
    const [oldest] = this.#calls.values();
    return this.#only() ?? stream ?? oldest;
  }

  #only(): DuplexCall | undefined {
    if (this.#calls.size !== 1) return undefined;
    const [call] = this.#calls.values();
    return call;
  }

  #forget(call: DuplexCall, how: CallEnd): void {
    this.#calls.delete(call.wireId);
    if (how !== 'aborted' || call.cancelled || this.#closed !== undefined) return;
    call.cancelled = true;
    this.tell(Buffer.from(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${call.wireId},"reason":"nobody waits for the answer"}}`));
  }

  #end(fault: UpstreamFault): void {
    this.#closed = fault;
    for (const call of [...this.#calls.values()]) call.fault(fault);
    for (const stream of [...this.#streams]) stream.end();
    this.#streams.clear();
  }
}
