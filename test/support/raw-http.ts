// HTTP/1.1 as bytes, for tests that must see every one of them: what was sent on a connection and what came back, message by message.
import { connect, type Socket } from 'node:net';

export interface RawMessage {
  /** Without its line end. */
  readonly startLine: string;
  /** In order, repeated ones too; lower-case names. */
  readonly headers: readonly (readonly [string, string])[];
  /** Without its framing. */
  readonly body: Buffer;
}

const HEAD_END = '\r\n\r\n';
const BODILESS = /^HTTP\/1\.[01] (?:1\d\d|204|304)/;

export function headerOf(message: RawMessage, name: string): string | undefined {
  return message.headers.find(([one]) => one === name)?.[1];
}

interface Read {
  readonly message: RawMessage;
  readonly to: number;
}

/** The message that begins at `from`, and where it ends; undefined when it is not whole. An answer without a length is whole at the connection's end only. */
function readMessage(bytes: Buffer, from: number, toHead: boolean, ended: boolean): Read | undefined {
  const headEnd = bytes.indexOf(HEAD_END, from, 'latin1');
  if (headEnd === -1) return undefined;
  const [startLine = '', ...lines] = bytes.toString('latin1', from, headEnd).split('\r\n');
  const headers = lines.map((line): [string, string] => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]);
  const bodyFrom = headEnd + HEAD_END.length;
  const value = (name: string): string | undefined => headers.find(([one]) => one === name)?.[1];
  const whole = (body: Buffer, to: number): Read => ({ message: { startLine, headers, body }, to });
  if (toHead || BODILESS.test(startLine)) return whole(Buffer.alloc(0), bodyFrom);
  if (value('transfer-encoding') !== undefined) return readChunks(bytes, bodyFrom, whole);
  const length = value('content-length');
  if (length === undefined && startLine.startsWith('HTTP/')) return ended ? whole(bytes.subarray(bodyFrom), bytes.length) : undefined;
  const to = bodyFrom + Number(length ?? '0');
  return to > bytes.length ? undefined : whole(bytes.subarray(bodyFrom, to), to);
}

function readChunks(bytes: Buffer, from: number, whole: (body: Buffer, to: number) => Read): Read | undefined {
  const parts: Buffer[] = [];
  for (let at = from; ;) {
    const lineEnd = bytes.indexOf('\r\n', at, 'latin1');
    if (lineEnd === -1) return undefined;
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    const dataTo = lineEnd + 2 + size;
    if (!(dataTo + 2 <= bytes.length)) return undefined; // nor where it is no number
    if (size === 0) return whole(Buffer.concat(parts), dataTo + 2);
    parts.push(bytes.subarray(lineEnd + 2, dataTo));
    at = dataTo + 2;
  }
}

/** Whole messages, and what is left behind them. `ended`: nothing more will come. */
export function readMessages(bytes: Buffer, options: { readonly toHead?: boolean; readonly ended?: boolean } = {}): { readonly messages: RawMessage[]; readonly rest: Buffer } {
  const messages: RawMessage[] = [];
  let at = 0;
  while (at < bytes.length) {
    const read = readMessage(bytes, at, options.toHead ?? false, options.ended ?? false);
    if (read === undefined) break;
    messages.push(read.message);
    at = read.to;
  }
  return { messages, rest: bytes.subarray(at) };
}

/** One piece after the other, each in a write of its own, so that the other side mostly reads them one by one. */
export function writePieces(socket: Socket, pieces: readonly Buffer[], then: () => void = () => undefined): void {
  const [first, ...others] = pieces;
  if (first === undefined || socket.destroyed) return then();
  socket.write(first, () => setImmediate(() => writePieces(socket, others, then)));
}

export interface Conversation {
  readonly bytes: Buffer;
  /** The other side ended or cut the connection; false = it was still open when `enough` was reached or the time was up. */
  readonly closed: boolean;
}

/** Longest wait for a peer that neither answers nor closes. What is judged never depends on it, but that a hang is seen. */
const HANG_MS = 60_000;

/** Sends, and collects what comes back until `enough` says so, or the connection ends. `behind`: what this side does when all is sent (true = it ends its side), or sends once it has enough. */
export function converse(port: number, pieces: readonly Buffer[], enough: (bytes: Buffer) => boolean, behind: boolean | Buffer = false): Promise<Conversation> {
  return new Promise((resolve) => {
    let bytes = Buffer.alloc(0);
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true }, () => writePieces(socket, pieces, () => { if (behind === true) socket.end(); }));
    const finish = (closed: boolean): void => {
      clearTimeout(timer);
      const leave = (): void => {
        socket.destroy();
        resolve({ bytes, closed });
      };
      if (typeof behind === 'boolean' || closed) leave();
      else socket.write(behind, () => setImmediate(leave));
    };
    const timer = setTimeout(() => finish(false), HANG_MS);
    socket.on('data', (part: Buffer) => {
      bytes = Buffer.concat([bytes, part]);
      if (enough(bytes)) finish(false);
    });
    socket.on('error', () => undefined);
    socket.on('end', () => finish(true));
    socket.on('close', () => finish(true));
  });
}

/** Sends the next when `answered` says that the one before is; what came for each. `closed`: the other side ended it before or with the last. */
export async function converseInTurn(port: number, requests: readonly Buffer[], answered: (bytes: Buffer, n: number) => boolean): Promise<{ readonly bytes: Buffer[]; readonly closed: boolean }> {
  const bytes: Buffer[] = [];
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  let closed = false;
  let wake = (): void => undefined;
  socket.on('data', (part: Buffer) => {
    bytes.push(Buffer.concat([bytes.pop() ?? Buffer.alloc(0), part]));
    wake();
  });
  socket.on('error', () => undefined);
  for (const event of ['end', 'close']) socket.on(event, () => { closed = true; wake(); });
  for (const [n, request] of requests.entries()) {
    if (closed) break;
    bytes.push(Buffer.alloc(0));
    socket.write(request);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, HANG_MS);
      wake = () => {
        if (!closed && !answered(bytes.at(-1) ?? Buffer.alloc(0), n)) return;
        clearTimeout(timer);
        resolve();
      };
      wake();
    });
  }
  socket.destroy();
  return { bytes, closed };
}

/** One request, one whole answer. */
export async function exchangeRaw(port: number, pieces: readonly Buffer[]): Promise<RawMessage> {
  const { bytes, closed } = await converse(port, pieces, (got) => readMessages(got).messages.some(({ startLine }) => !startLine.startsWith('HTTP/1.1 1')));
  const { messages } = readMessages(bytes, { ended: closed });
  const answer = messages.find(({ startLine }) => !startLine.startsWith('HTTP/1.1 1'));
  if (answer === undefined) throw new Error(`no whole answer came: ${JSON.stringify(bytes.toString('latin1').slice(0, 400))}`);
  return answer;
}
