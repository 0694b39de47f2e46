// A client of Courier 1 over WebSocket, as an agent has had it all along: it acknowledges what it has taken, and comes back to its session when a connection is lost.
import { WebSocket } from 'ws';
import { CourierError } from './courier-http.mjs';

const RECONNECTS_MAX = 20;
const RECONNECT_MS = 50;
const TOO_LARGE = 1009;

export class CourierSocket {
  #url;
  #key;
  #socket;
  #session;
  #lastSeq = 0;
  #lastId = 0;
  #asked = new Map();
  #ended = false;
  #onCatalogue;
  #onError = () => undefined;
  /** One after the other, so that a slow taker of events holds up what follows. */
  #taking = Promise.resolve();

  /** @param {{ url: string, key: string, onCatalogueChange?: () => void }} server `url`: ws(s)://host:port/v1/session */
  constructor({ url, key, onCatalogueChange = () => undefined }) {
    this.#url = url;
    this.#key = key;
    this.#onCatalogue = onCatalogueChange;
  }

  /** Rejects with CourierError where the server does not want this client, or no longer has the session. */
  connect() {
    const socket = new WebSocket(this.#url, 'courier.v1', { perMessageDeflate: false });
    this.#socket = socket;
    let isWelcome = false;
    return new Promise((resolve, reject) => {
      socket.on('open', () => socket.send(JSON.stringify({ kind: 'connect', key: this.#key, ...(this.#session === undefined ? {} : { resume: { session: this.#session, after: this.#lastSeq } }) })));
      socket.on('error', reject);
      socket.on('close', (code) => {
        reject(new Error('the connection was lost'));
        if (code === TOO_LARGE) this.#giveUp('a frame was too large'); // it would be sent again
        else if (isWelcome && !this.#ended) void this.#comeBack();
      });
      socket.on('message', (data) => {
        const frame = JSON.parse(String(data));
        if (frame.kind === 'welcome') {
          isWelcome = true;
          this.#session = frame.session;
          this.#sendAgain(frame);
          resolve(frame);
        } else if (frame.kind === 'error' && !isWelcome) {
          this.#ended = true;
          reject(new CourierError(frame.error));
        } else this.#taking = this.#taking.then(() => this.#take(frame));
      });
    });
  }

  list({ limit, cursor } = {}) {
    return this.#ask({ op: 'list', limit, cursor }).answer;
  }

  /** { id, answer }: the answer is the action's document. */
  invoke(action, input, { onEvent, traceparent } = {}) {
    return this.#ask({ op: 'invoke', action, input, traceparent }, onEvent);
  }

  cancel(id) {
    return this.#ask({ op: 'cancel', target: id }).answer;
  }

  /** Reads nothing more until `read`. */
  stopReading() {
    this.#socket.pause();
  }

  read() {
    this.#socket.resume();
  }

  /** As a network does it. */
  loseConnection() {
    this.#socket.terminate();
  }

  /** A frame as it is, whatever it is. */
  sendRaw(data) {
    this.#socket.send(data);
  }

  /** What the server says of a frame that it could not take for a request. */
  nextError() {
    return new Promise((resolve) => { this.#onError = resolve; });
  }

  close() {
    this.#ended = true;
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send('{"kind":"bye"}');
    this.#socket.close();
  }

  #ask(request, onEvent = () => undefined) {
    const id = String(this.#lastId += 1);
    const answer = new Promise((resolve, reject) => this.#asked.set(id, { request, resolve, reject, onEvent }));
    if (this.#socket.readyState === WebSocket.OPEN && this.#session !== undefined) this.#socket.send(JSON.stringify({ kind: 'request', id, ...request }));
    return { id, answer };
  }

  async #take(frame) {
    if (frame.seq !== undefined && frame.seq <= this.#lastSeq) return; // seen before the connection was lost
    const asked = this.#asked.get(frame.id);
    if (frame.kind === 'event' && frame.event === 'catalogue_changed') this.#onCatalogue();
    else if (frame.kind === 'event') await asked?.onEvent(frame);
    else if (frame.kind === 'error' && asked === undefined) this.#onError(frame.error);
    else if (frame.kind === 'response' || frame.kind === 'error') {
      this.#asked.delete(frame.id);
      if (frame.ok === true) asked?.resolve(frame.result);
      else asked?.reject(new CourierError(frame.error));
    }
    if (frame.seq === undefined) return;
    this.#lastSeq = frame.seq;
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ kind: 'ack', seq: frame.seq }));
  }

  /** What the server never got: neither in flight there, nor answered in what it sends again first. */
  #sendAgain({ seq, in_flight: inFlight }) {
    const open = [...this.#asked.keys()].filter((id) => !inFlight.includes(id));
    void this.#seen(seq).then(() => {
      for (const id of open.filter((one) => this.#asked.has(one))) this.#socket.send(JSON.stringify({ kind: 'request', id, ...this.#asked.get(id).request }));
    });
  }

  async #seen(seq) {
    while (this.#lastSeq < seq && !this.#ended) await new Promise((resolve) => { setTimeout(resolve, 1); });
  }

  async #comeBack() {
    for (let tries = 0; !this.#ended && tries < RECONNECTS_MAX; tries++) {
      await new Promise((resolve) => { setTimeout(resolve, RECONNECT_MS); });
      const back = await this.connect().then(() => true, () => false);
      if (back) return;
    }
    this.#giveUp('the session was lost');
  }

  #giveUp(why) {
    this.#ended = true;
    for (const { reject } of this.#asked.values()) reject(new Error(why));
    this.#asked.clear();
  }
}
