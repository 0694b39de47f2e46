// One agent's session over WebSocket: requests with ids, their answers and events through the outbox. It outlives its connection for a while, so that a client that comes back misses nothing.
import { randomUUID } from 'node:crypto';
import type { WebSocket } from 'ws';
import type { Action, Parts } from './actions.js';
import type { Agent } from './agents.js';
import { trace, type CallEvent } from './gateway.js';
import { Outbox } from './outbox.js';
import { busy, invalid, pageOf, readInvocation, readPage, textOf, type CourierFault, type JsonRecord } from './protocol.js';
import { faultOf } from './refusals.js';

const MS_PER_SECOND = 1000;
const GOING_AWAY = 1001;
const DUPLICATE_ID = 'duplicate_id';
const ENDED = new Error('the session has ended');

export class Session {
  readonly id = `ses_${randomUUID()}`;
  readonly agent: Agent;
  readonly #parts: Parts;
  readonly #onEnd: (session: Session) => void;
  readonly #outbox: Outbox;
  /** In flight, or answered without room for the answer yet. */
  readonly #open = new Map<string, Action | undefined>();
  readonly #ended = new AbortController();
  #socket: WebSocket | undefined;
  #expiry: NodeJS.Timeout | undefined;
  #lastHeardMs = 0;
  #telling: Promise<void> | undefined;

  constructor(agent: Agent, parts: Parts, onEnd: (session: Session) => void) {
    this.agent = agent;
    this.#parts = parts;
    this.#onEnd = onEnd;
    this.#outbox = new Outbox(parts.bounds.window_bytes);
    parts.gateways.of(agent).watch(() => this.#tellOfChange(), this.#ended.signal);
  }

  canResume(seq: number): boolean {
    return this.#outbox.canResume(seq);
  }

  /** The newest connection is the session's; `seq` is the last frame that the client has seen. */
  attach(socket: WebSocket, seq: number): void {
    clearTimeout(this.#expiry);
    this.#socket?.terminate();
    this.#socket = socket;
    this.#lastHeardMs = performance.now();
    const { calls_per_session: in_flight_max, window_bytes, body_bytes: frame_bytes } = this.#parts.bounds;
    socket.send(JSON.stringify({ kind: 'welcome', session: this.id, seq: this.#outbox.lastSeq, in_flight: [...this.#open.keys()], limits: { in_flight_max, window_bytes, frame_bytes } }));
    this.#outbox.attach((text) => socket.send(text), seq);
  }

  /** Calls go on until the session expires; what they say waits in the outbox. */
  detach(socket: WebSocket): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    this.#outbox.attach(undefined);
    this.#expiry = setTimeout(() => this.end(), this.#parts.bounds.resume_s * MS_PER_SECOND).unref();
  }

  end(): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    clearTimeout(this.#expiry);
    this.#outbox.close(ENDED);
    for (const action of this.#open.values()) action?.cancel();
    this.#socket?.close(GOING_AWAY);
    this.#onEnd(this);
  }

  /** Whether the client has left the window full for too long. */
  isStalled(): boolean {
    return this.#outbox.isFull && performance.now() - this.#lastHeardMs > this.#parts.bounds.stalled_s * MS_PER_SECOND;
  }

  take(frame: JsonRecord): void {
    if (frame['kind'] === 'ack') {
      this.#lastHeardMs = performance.now();
      return this.#outbox.acknowledge(Number(frame['seq']));
    }
    if (frame['kind'] === 'bye') return this.end();
    if (frame['kind'] !== 'request') throw invalid('kind must be request, ack, ping or bye.');
    const id = textOf(frame['id'], 'id');
    if (this.#open.has(id)) throw invalid('A request with this id is in flight.', DUPLICATE_ID);
    // A full session can still be told to cancel.
    if (this.#open.size >= this.#parts.bounds.calls_per_session * (frame['op'] === 'cancel' ? 2 : 1)) throw busy('requests of a session');
    void trace.run(frame['traceparent'], () => this.#answer(id, frame)).catch(() => undefined); // the session has ended, and its client knows
  }

  async #answer(id: string, frame: JsonRecord): Promise<void> {
    this.#open.set(id, undefined);
    try {
      const result = await this.#run(id, frame).then((value) => ({ ok: true, result: value }), (fault: unknown) => ({ ok: false, error: faultOf(fault).body }));
      await this.#outbox.push({ kind: 'response', id, ...result });
    } finally {
      this.#open.delete(id);
    }
  }

  async #run(id: string, frame: JsonRecord): Promise<unknown> {
    const { gateways, actions } = this.#parts;
    if (frame['op'] === 'list') return pageOf(await gateways.of(this.agent).list(this.#ended.signal), readPage(frame['limit'], frame['cursor']));
    if (frame['op'] === 'cancel') return { cancelled: this.#open.get(textOf(frame['target'], 'target'))?.cancel() ?? false };
    if (frame['op'] !== 'invoke') throw invalid('op must be invoke, list or cancel.');
    const action = actions.start(this.agent, readInvocation(frame), (event: CallEvent) => this.#outbox.push({ kind: 'event', id, ...event }), 'never');
    this.#open.set(id, action);
    return action.answer();
  }

  /** Of several changes that wait for room one is told. */
  #tellOfChange(): void {
    this.#telling ??= this.#outbox.push({ kind: 'event', event: 'catalogue_changed' }).catch(() => undefined).finally(() => { this.#telling = undefined; });
  }
}

/** Answers a frame that never became a request. Of a second request with an id that is in flight the id would end the first. */
export function errorFrame(fault: CourierFault, frame: unknown): string {
  const id = typeof frame === 'object' && frame !== null && fault.body.code !== DUPLICATE_ID ? (frame as JsonRecord)['id'] : undefined;
  return JSON.stringify({ kind: 'error', ...(typeof id === 'string' ? { id } : {}), error: fault.body });
}
