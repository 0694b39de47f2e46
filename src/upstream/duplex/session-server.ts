// A tool server behind channels, as if it were a Streamable HTTP endpoint with sessions: a channel of its own for each of them. For processes that serve one client, and for HTTP+SSE.
import { createIds } from '../../base/ids/ids.js';
import { textAt } from '../../base/json/members.js';
import { INVALID_REQUEST, METHOD_NOT_FOUND } from '../../mcp/rpc-codes.js';
import { RefusedCall } from '../refused-call.js';
import type { UpstreamCall, UpstreamRequest, UpstreamSink } from '../types.js';
import type { OpenPeer, Peer } from './peer.js';
import { ACCEPTED, BAD_REQUEST, errorText, NO_CONTENT, NOT_FOUND, PlainAnswer, SESSION_NOT_FOUND, TOO_MANY } from './plain-answer.js';
import type { WireMessage, WireReader } from './wire-message.js';

export const MARK_BYTES = 8;

interface Session {
  readonly peer: Peer;
  usedMs: number;
}

export class SessionServer {
  readonly #reader: WireReader;
  readonly #open: OpenPeer;
  readonly #nowMs: () => number;
  readonly #sessions = new Map<string, Session>();
  /** Its sessions' ids begin with it: one that another thread or an earlier gateway gave must be unknown here, not somebody else's. */
  readonly #mark = createIds().hex(MARK_BYTES);
  #lastSession = 0;

  constructor(reader: WireReader, open: OpenPeer, nowMs: () => number) {
    this.#reader = reader;
    this.#open = open;
    this.#nowMs = nowMs;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** `isOwn`: the gateway itself asks, to see what is served: callers must not be able to keep it from that. */
  send(request: UpstreamRequest, sink: UpstreamSink, isOwn: boolean): UpstreamCall {
    const id = request.headers['mcp-session-id'];
    if (id === undefined) return this.#outside(request, sink, isOwn);
    const session = this.#sessions.get(id);
    if (session === undefined) return new PlainAnswer(sink, NOT_FOUND, errorText('null', SESSION_NOT_FOUND, 'Session not found'));
    session.usedMs = this.#nowMs();
    switch (request.httpMethod) {
      case 'GET': return session.peer.listen(id, sink);
      case 'DELETE':
        this.#drop(id, session);
        return new PlainAnswer(sink, NO_CONTENT);
      case 'POST': return this.#inside(id, session.peer, request.body ?? new Uint8Array(0), sink);
    }
  }

  /** Ends what nobody has used for this long: a client that opened a session and was never heard of again must not keep a process. */
  dropIdle(idleMs: number): void {
    const nowMs = this.#nowMs();
    for (const [id, session] of [...this.#sessions]) {
      if (session.peer.busy) session.usedMs = nowMs;
      else if (session.usedMs + idleMs <= nowMs) this.#drop(id, session);
    }
  }

  close(): void {
    for (const [id, session] of [...this.#sessions]) this.#drop(id, session);
  }

  #inside(id: string, peer: Peer, body: Uint8Array, sink: UpstreamSink): UpstreamCall {
    const message = this.#reader.read(body);
    if (message.kind === 'request') return peer.ask(body, message, { session: id, headers: {} }, sink);
    if (message.kind === 'invalid') return new PlainAnswer(sink, BAD_REQUEST, errorText('null', INVALID_REQUEST, 'Invalid request'));
    if (message.method === 'notifications/cancelled') peer.cancel(id, body, message);
    else peer.tell(body);
    return new PlainAnswer(sink, ACCEPTED);
  }

  #outside(request: UpstreamRequest, sink: UpstreamSink, isOwn: boolean): UpstreamCall {
    const body = request.body ?? new Uint8Array(0);
    const message = this.#reader.read(body);
    if (message.kind === 'request' && message.method === 'initialize') return this.#initialize(body, message, sink, isOwn);
    const idText = message.id === undefined ? 'null' : textAt(body, message.id);
    return new PlainAnswer(sink, NOT_FOUND, errorText(idText, METHOD_NOT_FOUND, 'This server needs a session: send initialize.'));
  }

  #initialize(body: Uint8Array, message: WireMessage, sink: UpstreamSink, isOwn: boolean): UpstreamCall {
    const id = `${this.#mark}.${++this.#lastSession}`;
    const peer = this.#open(() => void this.#sessions.delete(id), isOwn);
    if (peer === 'full') return new PlainAnswer(sink, TOO_MANY, errorText(message.id === undefined ? 'null' : textAt(body, message.id), INVALID_REQUEST, 'Too many sessions of this server are open.'));
    if (peer === 'resting') return new RefusedCall(sink, { kind: 'transport', maybeSent: false, message: 'the server ended, and is not started again yet' });
    const session = { peer, usedMs: this.#nowMs() };
    this.#sessions.set(id, session);
    return peer.ask(body, message, { session: id, headers: { 'mcp-session-id': id } }, sink, (how) => {
      if (how !== 'answered') process.nextTick(() => this.#drop(id, session)); // it has no session yet, and nobody who could end it
    });
  }

  #drop(id: string, session: Session): void {
    this.#sessions.delete(id);
    session.peer.close();
  }
}
