// A tool server behind one channel that all its callers share, as if it were a Streamable HTTP endpoint: one handshake by the gateway itself, whose answer each session gets.
import { createIds } from '../../base/ids/ids.js';
import { textAt } from '../../base/json/members.js';
import { INVALID_REQUEST, METHOD_NOT_FOUND } from '../../mcp/rpc-codes.js';
import { RefusedCall } from '../refused-call.js';
import type { UpstreamCall, UpstreamFault, UpstreamRequest, UpstreamSink } from '../types.js';
import type { OpenPeer, Peer } from './peer.js';
import { ACCEPTED, BAD_REQUEST, errorText, NO_CONTENT, NOT_FOUND, PlainAnswer, SESSION_NOT_FOUND } from './plain-answer.js';
import { MARK_BYTES } from './session-server.js';
import { splice, type WireMessage, type WireReader } from './wire-message.js';

const GREETING_MS_MAX = 300_000; // a first start may download its program; after that nobody waits, and only another start can help
/** Questions of the gateway's own in a row that a server may leave unanswered while it says nothing at all: it runs, and only another start can help. */
const UNANSWERED_MAX = 3;
const INITIALIZED = Buffer.from('{"jsonrpc":"2.0","method":"notifications/initialized"}');

/** The handshake of one channel: what the server answered, or why it did not. */
type Greeting = { readonly kind: 'answer'; readonly bytes: Buffer; readonly message: WireMessage } | { readonly kind: 'fault'; readonly fault: UpstreamFault };

interface Serving {
  readonly peer: Peer;
  /** Its sessions' ids begin with it: a session of a process that is gone is lost. */
  readonly name: string;
  greeting: Promise<Greeting> | undefined;
  /** How often the gateway's own questions had no answer since it said something last, which was message `heard`. */
  unanswered: { readonly heard: number; readonly times: number };
}

export class SharedServer {
  readonly #reader: WireReader;
  readonly #open: OpenPeer;
  readonly #initializeParams: string;
  readonly #after: (ms: number, run: () => void) => () => void;
  #serving: Serving | undefined;
  /** Of this owner alone: a session that an earlier gateway opened must be unknown here. */
  readonly #mark = createIds().hex(MARK_BYTES);
  #lastPeer = 0;
  #lastSession = 0;

  /** `initializeParams`: the gateway's own, which claim no capability: no server may ask a client that it shares with others. */
  constructor(reader: WireReader, open: OpenPeer, initializeParams: string, after: (ms: number, run: () => void) => () => void) {
    this.#reader = reader;
    this.#open = open;
    this.#initializeParams = initializeParams;
    this.#after = after;
  }

  /** `isOwn`: the gateway itself asks, to see what is served: callers of other servers must not be able to keep it from that. */
  send(request: UpstreamRequest, sink: UpstreamSink, isOwn: boolean): UpstreamCall {
    const id = request.headers['mcp-session-id'];
    if (id === undefined) return this.#outside(request, sink, isOwn);
    const serving = this.#serving;
    if (serving === undefined || !id.startsWith(serving.name)) return new PlainAnswer(sink, NOT_FOUND, errorText('null', SESSION_NOT_FOUND, 'Session not found'));
    switch (request.httpMethod) {
      case 'GET': return serving.peer.listen(id, sink);
      case 'DELETE': return new PlainAnswer(sink, NO_CONTENT);
      case 'POST': return this.#exchange(serving, id, request, sink, isOwn);
    }
  }

  close(): void {
    this.#serving?.peer.close();
    this.#serving = undefined;
  }

  /** Without a session: a handshake, or a message of 2026-07-28, which needs none. */
  #outside(request: UpstreamRequest, sink: UpstreamSink, isOwn: boolean): UpstreamCall {
    const body = request.body ?? new Uint8Array(0);
    const message = this.#reader.read(body);
    const isHandshake = message.kind === 'request' && message.method === 'initialize';
    if (!isHandshake && request.headers['mcp-method'] === undefined) {
      return new PlainAnswer(sink, BAD_REQUEST, errorText(message.id === undefined ? 'null' : textAt(body, message.id), METHOD_NOT_FOUND, 'This server needs a session: send initialize.'));
    }
    const serving = this.#started(isOwn);
    if (typeof serving === 'string') return new RefusedCall(sink, { kind: 'transport', maybeSent: false, crowdedOut: serving === 'full', message: serving === 'full' ? 'too many processes run' : 'the server ended, and is not started again yet' });
    return isHandshake ? this.#initialize(serving, body, message, sink) : this.#exchange(serving, undefined, request, sink, isOwn);
  }

  #exchange(serving: Serving, session: string | undefined, request: UpstreamRequest, sink: UpstreamSink, isOwn: boolean): UpstreamCall {
    const { peer } = serving;
    const body = request.body ?? new Uint8Array(0);
    const message = this.#reader.read(body);
    if (message.kind === 'request') return peer.ask(body, message, { session, headers: {} }, sink, (how) => (isOwn && how === 'aborted' ? this.#unanswered(serving) : undefined));
    if (message.kind === 'invalid') return new PlainAnswer(sink, BAD_REQUEST, errorText('null', INVALID_REQUEST, 'Invalid request'));
    // Of what one client says of itself nothing may change what the server does for others.
    if (message.method === 'notifications/cancelled') peer.cancel(session, body, message);
    return new PlainAnswer(sink, ACCEPTED);
  }

  /** While callers wait it may be busy with what they asked; what it says, if only to one of them, shows that it lives. */
  #unanswered(serving: Serving): void {
    const { peer, unanswered } = serving;
    const before = unanswered.heard === peer.heard ? unanswered.times : 0;
    serving.unanswered = { heard: peer.heard, times: peer.asked ? 0 : before + 1 };
    if (serving.unanswered.times >= UNANSWERED_MAX) peer.fail(`it has said nothing while ${UNANSWERED_MAX} listings waited for it`);
  }

  #started(isOwn: boolean): Serving | 'full' | 'resting' {
    if (this.#serving !== undefined) return this.#serving;
    const peer = this.#open((ended) => {
      if (this.#serving?.peer === ended) this.#serving = undefined;
    }, isOwn);
    if (typeof peer === 'string') return peer;
    this.#serving = { peer, name: `${this.#mark}.${++this.#lastPeer}.`, greeting: undefined, unanswered: { heard: 0, times: 0 } };
    return this.#serving;
  }

  #initialize(serving: Serving, body: Uint8Array, message: WireMessage, sink: UpstreamSink): UpstreamCall {
    const idText = message.id === undefined ? 'null' : textAt(body, message.id);
    const call = new WaitingCall();
    serving.greeting ??= this.#greet(serving);
    void serving.greeting.then((greeting) => {
      if (call.aborted) return;
      if (greeting.kind === 'fault') return sink.onFault(greeting.fault);
      const headers: Record<string, string> = greeting.message.result === undefined ? {} : { 'mcp-session-id': `${serving.name}${++this.#lastSession}` };
      call.inner = new PlainAnswer(sink, 200, splice(greeting.bytes, greeting.message.id === undefined ? [] : [{ ...greeting.message.id, text: idText }]), headers);
    });
    return call;
  }

  #greet(serving: Serving): Promise<Greeting> {
    const body = Buffer.from(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":${this.#initializeParams}}`);
    const parts: Buffer[] = [];
    const cancel = this.#after(GREETING_MS_MAX, () => serving.peer.fail(`it did not answer the handshake within ${GREETING_MS_MAX} ms`));
    return new Promise<Greeting>((greeted) => {
      const resolve = (greeting: Greeting): void => {
        cancel();
        greeted(greeting);
      };
      const call = serving.peer.ask(body, this.#reader.read(body), { session: undefined, headers: {} }, {
        onHead: (_status, headers) => {
          if (headers['content-type'] === 'application/json') return;
          // Something came before the answer: this reader wants the answer alone.
          call.abort();
          resolve({ kind: 'fault', fault: { kind: 'protocol', maybeSent: true, message: 'it did not answer the handshake first' } });
        },
        onData: (chunk) => void parts.push(Buffer.from(chunk)),
        onEnd: () => {
          const bytes = Buffer.concat(parts);
          const message = this.#reader.read(bytes);
          if (message.result !== undefined) serving.peer.tell(INITIALIZED);
          else serving.greeting = undefined;
          resolve(message.kind === 'response' ? { kind: 'answer', bytes, message } : { kind: 'fault', fault: { kind: 'protocol', maybeSent: true, message: 'its answer to the handshake is not readable' } });
        },
        onFault: (fault) => {
          serving.greeting = undefined;
          resolve({ kind: 'fault', fault });
        },
      });
    });
  }
}

class WaitingCall implements UpstreamCall {
  aborted = false;
  inner: UpstreamCall | undefined;

  abort(): void {
    this.aborted = true;
    this.inner?.abort();
  }
  pause(): void { /* it is short */ }
  resume(): void { /* nothing waits */ }
}
