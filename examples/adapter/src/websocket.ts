// Courier over WebSocket: GET /v1/session is upgraded; the first frame says who connects, or which session comes back.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import type { Parts } from './actions.js';
import type { Agent } from './agents.js';
import { busy, CourierFault, invalid, parseJson, recordOf, SUBPROTOCOL, UNKNOWN_KEY, type JsonRecord } from './protocol.js';
import { faultOf } from './refusals.js';
import { errorFrame, Session } from './session.js';

const MS_PER_SECOND = 1000;
const REFUSED = 4401; // application codes begin at 4000 (RFC 6455 section 7.4.2)
const GOING_AWAY = 1001;
const NO_BINARY = 1003;
const GOODBYE_MS = 1000; // for a client to answer the close
const ANSWERED_FRAMES = 2; // a frame a little too large is answered under its id; a larger one closes the connection (1009)
const SLOW_READER_BYTES = 1_048_576; // beside the window: pongs and errors that a client asks for and does not take

interface Connection {
  session: Session | undefined;
  answersPings: boolean;
}

export class WebSocketDoor {
  readonly #parts: Parts;
  readonly #server: WebSocketServer;
  readonly #sessions = new Map<string, Session>();
  readonly #sockets = new Map<WebSocket, Connection>();
  readonly #heartbeat: NodeJS.Timeout;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#server = new WebSocketServer({ noServer: true, maxPayload: parts.bounds.body_bytes * ANSWERED_FRAMES, perMessageDeflate: false, clientTracking: false, handleProtocols: () => SUBPROTOCOL });
    this.#heartbeat = setInterval(() => this.#beat(), parts.bounds.heartbeat_s * MS_PER_SECOND).unref();
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const asksCourier = (request.headers['sec-websocket-protocol'] ?? '').split(',').some((name) => name.trim() === SUBPROTOCOL);
    // Agents are no web pages: who names an origin is a browser that was led here.
    const strangers = [...this.#sockets.values()].filter(({ session }) => session === undefined).length;
    const refusal = strangers >= this.#parts.bounds.unconnected ? '503 Service Unavailable' : request.url !== '/v1/session' ? '404 Not Found' : request.headers.origin !== undefined ? '403 Forbidden' : asksCourier ? undefined : '400 Bad Request';
    if (refusal !== undefined) return void socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    this.#server.handleUpgrade(request, socket, head, (opened) => this.#accept(opened));
  }

  #accept(socket: WebSocket): void {
    const state: Connection = { session: undefined, answersPings: true };
    this.#sockets.set(socket, state);
    const late = setTimeout(() => socket.terminate(), this.#parts.bounds.headers_timeout_ms).unref();
    socket.on('pong', () => { state.answersPings = true; });
    socket.on('error', () => socket.terminate()); // too large, or no WebSocket frame
    socket.on('close', () => {
      clearTimeout(late);
      this.#sockets.delete(socket);
      state.session?.detach(socket);
    });
    socket.on('message', (data: RawData, isBinary: boolean) => {
      if (isBinary) return socket.close(NO_BINARY, 'text frames only');
      if (socket.readyState !== socket.OPEN) return; // refused already
      if (state.session !== undefined) return this.#take(socket, state.session, String(data));
      clearTimeout(late);
      try {
        state.session = this.#connect(socket, recordOf(parseJson(String(data)), 'A frame'));
      } catch (fault) {
        socket.send(errorFrame(faultOf(fault), undefined));
        socket.close(REFUSED, 'not connected');
      }
    });
  }

  #connect(socket: WebSocket, frame: JsonRecord): Session {
    if (frame['kind'] !== 'connect') throw invalid('The first frame must be connect.', 'connect_first');
    const agent = this.#parts.agents.find(frame['key']);
    if (agent === undefined) throw UNKNOWN_KEY;
    const { session: id, after } = frame['resume'] === undefined ? {} : recordOf(frame['resume'], 'resume');
    const session = id === undefined ? this.#open(agent) : this.#sessions.get(String(id));
    // Another agent's session is none; and one of which something is lost is not resumed as if nothing were.
    if (session?.agent !== agent || !session.canResume(Number(after ?? 0))) throw new CourierFault(410, { type: 'not_found', code: 'session_gone', message: 'The session can not be resumed.', remediation: 'Connect anew; what was in flight was cancelled, or its answer is lost.' });
    this.#parts.log(id === undefined ? 'session_opened' : 'session_resumed', { agent: agent.spiffeId, session: session.id });
    session.attach(socket, Number(after ?? 0));
    return session;
  }

  #open(agent: Agent): Session {
    const own = [...this.#sessions.values()].filter((one) => one.agent.spiffeId === agent.spiffeId);
    if (own.length >= this.#parts.bounds.sessions_per_agent) throw busy('sessions');
    const session = new Session(agent, this.#parts, ({ id }) => void this.#sessions.delete(id));
    this.#sessions.set(session.id, session);
    return session;
  }

  #take(socket: WebSocket, session: Session, text: string): void {
    if (socket.bufferedAmount > this.#parts.bounds.window_bytes + SLOW_READER_BYTES) return socket.terminate();
    let frame: unknown;
    try {
      frame = parseJson(text);
      const record = recordOf(frame, 'A frame');
      if (Buffer.byteLength(text) > this.#parts.bounds.body_bytes) throw invalid(`A frame has at most ${this.#parts.bounds.body_bytes} bytes.`, 'too_large');
      if (record['kind'] === 'ping') return socket.send('{"kind":"pong"}');
      if (!this.#parts.agents.isCurrent(session.agent)) throw UNKNOWN_KEY;
      session.take(record);
    } catch (fault) {
      socket.send(errorFrame(faultOf(fault), frame));
      if (fault === UNKNOWN_KEY) session.end();
    }
  }

  #beat(): void {
    for (const session of this.#sessions.values()) if (!this.#parts.agents.isCurrent(session.agent)) session.end();
    for (const [socket, state] of this.#sockets) {
      if (!state.answersPings || state.session?.isStalled() === true) {
        socket.terminate();
        continue;
      }
      state.answersPings = false;
      socket.ping();
    }
  }

  close(): void {
    clearInterval(this.#heartbeat);
    for (const session of this.#sessions.values()) session.end();
    for (const socket of this.#sockets.keys()) {
      socket.close(GOING_AWAY);
      setTimeout(() => socket.terminate(), GOODBYE_MS).unref();
    }
  }
}
