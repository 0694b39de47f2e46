// Plays one fuzzed connection against a port: what came back for each request, and how the connection ended.
import { connect, type Socket } from 'node:net';
import { headerOf, readMessages, writePieces, type RawMessage } from '../support/raw-http.js';
import { bytesOf, type FuzzedConnection, type FuzzedRequest } from './fuzz-requests.js';

export interface Answered {
  /** Undefined where it is not known which request it answers. */
  readonly request: FuzzedRequest | undefined;
  readonly message: RawMessage;
}

export interface Played {
  readonly answers: readonly Answered[];
  /** `closed` by the gateway; `ended` by this side, which had all it could expect; `hung`: neither an answer nor an end came. */
  readonly end: 'closed' | 'ended' | 'hung';
  /** Requests that were not sent, as the connection had ended. */
  readonly unsent: number;
  readonly unanswered: readonly FuzzedRequest[];
  /** All that came. */
  readonly bytes: Buffer;
}

/** Above front.body_timeout_s of the test's gateway: what still is silent then waits for a head that was never finished, and this side ends it. */
const QUIET_MS = 2_000;
/** Nothing legitimate takes this long; a connection that is still open then hangs. */
const HANG_MS = 30_000;

class Line {
  readonly socket: Socket;
  bytes = Buffer.alloc(0);
  closed = false;
  #wake: () => void = () => undefined;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    this.socket.on('data', (part: Buffer) => {
      this.bytes = Buffer.concat([this.bytes, part]);
      this.#wake();
    });
    this.socket.on('error', () => undefined);
    for (const event of ['end', 'close']) {
      this.socket.on(event, () => {
        this.closed = true;
        this.#wake();
      });
    }
  }

  /** False = it took longer than `ms` from the last byte on. */
  async until(holds: () => boolean, ms: number): Promise<boolean> {
    while (!holds()) {
      let timer: NodeJS.Timeout | undefined;
      const moved = await new Promise<boolean>((resolve) => {
        this.#wake = () => resolve(true);
        timer = setTimeout(() => resolve(false), ms);
      });
      clearTimeout(timer);
      if (!moved) return holds();
    }
    return true;
  }
}

const isFinal = ({ startLine }: RawMessage): boolean => !/^HTTP\/1\.1 1\d\d/.test(startLine);

async function playInTurn(line: Line, requests: readonly FuzzedRequest[]): Promise<Played> {
  const answers: Answered[] = [];
  for (const [n, request] of requests.entries()) {
    const before = line.bytes.length;
    line.socket.write(bytesOf(request));
    const read = (): RawMessage | undefined => readMessages(line.bytes.subarray(before), { toHead: request.method === 'HEAD', ended: line.closed }).messages.find(isFinal);
    const came = await line.until(() => line.closed || read() !== undefined, HANG_MS);
    const message = read();
    if (message !== undefined) answers.push({ request, message });
    if (!came) return { answers, end: 'hung', unsent: requests.length - n - 1, unanswered: [request], bytes: line.bytes };
    if (message === undefined || line.closed || headerOf(message, 'connection') === 'close') {
      const ended = await line.until(() => line.closed, HANG_MS);
      return { answers, end: ended ? 'closed' : 'hung', unsent: requests.length - n - 1, unanswered: message === undefined ? [request] : [], bytes: line.bytes };
    }
  }
  return { answers, end: 'ended', unsent: 0, unanswered: [], bytes: line.bytes };
}

async function playAtOnce(line: Line, pieces: readonly Buffer[], requests: number): Promise<Played> {
  writePieces(line.socket, pieces);
  const answersNow = (): Answered[] => readMessages(line.bytes, { ended: line.closed }).messages.filter(isFinal).map((message) => ({ request: undefined, message }));
  let end: Played['end'] = 'closed';
  const isOver = (): boolean => line.closed || answersNow().length >= requests;
  if (!(await line.until(isOver, QUIET_MS)) || !line.closed) {
    end = 'ended';
    line.socket.end();
    if (!(await line.until(() => line.closed, HANG_MS))) end = 'hung';
  }
  return { answers: answersNow(), end, unsent: 0, unanswered: [], bytes: line.bytes };
}

export async function play(port: number, connection: FuzzedConnection): Promise<Played> {
  const line = new Line(port);
  try {
    return connection.kind === 'well-formed' ? await playInTurn(line, connection.requests) : await playAtOnce(line, connection.pieces, connection.requests);
  } finally {
    line.socket.destroy();
  }
}
