// The SPIFFE Workload API over its local socket: X.509-SVIDs as a stream that brings each new one, JWT-SVIDs one at a time.
import { ConfigurationError, TransportError } from '../errors.js';
import { orAborted, wait, type Surroundings } from '../surroundings.js';
import { loadGrpc, type Grpc, type GrpcClient, type GrpcMetadata, type GrpcStatusError, type GrpcStream } from './grpc.js';
import { readJwtResponse, readX509Response, writeJwtRequest, type JwtSvid, type X509Svid } from './workload-messages.js';

/** The API is on this machine: what takes longer does not come. */
const FETCH_MS_MAX = 10_000;
const RECONNECT_MS = 1_000;
const RECONNECT_MS_MAX = 30_000;
const INVALID_ARGUMENT = 3;
const PERMISSION_DENIED = 7;
/** Workload API section 4: what cannot be forged by a web page. */
const SECURITY_HEADER = 'workload.spiffe.io';
const AS_IT_IS = (bytes: Buffer): Buffer => bytes;

interface Connection {
  readonly grpc: Grpc;
  readonly client: GrpcClient;
}

export class WorkloadApi {
  readonly #target: string;
  readonly #surroundings: Surroundings;
  readonly #closed = new AbortController();
  #connection: Promise<Connection> | undefined;
  #stream: GrpcStream | undefined;
  #svid: X509Svid | undefined;
  #first: Promise<X509Svid | undefined> | undefined;

  constructor(socket: string, surroundings: Surroundings) {
    this.#target = targetOf(socket);
    this.#surroundings = surroundings;
  }

  /** The newest. Undefined = this workload has none. */
  async x509(signal: AbortSignal): Promise<X509Svid | undefined> {
    if (this.#svid !== undefined) return this.#svid;
    this.#first ??= this.#open().finally(() => { this.#first = undefined; }); // where there is none yet, the next call asks again
    return orAborted(this.#first, signal);
  }

  async jwt(audience: string): Promise<JwtSvid> {
    const { grpc, client } = await this.#connect();
    const bytes = await new Promise<Buffer>((resolve, reject) => {
      const call = client.makeUnaryRequest('/SpiffeWorkloadAPI/FetchJWTSVID', AS_IT_IS, AS_IT_IS, writeJwtRequest(audience), securityHeader(grpc), {}, (error, message) => {
        late();
        if (error === null && message !== undefined) resolve(message);
        else reject(failure(error?.code));
      });
      const late = this.#surroundings.limit(FETCH_MS_MAX, () => call.cancel());
    });
    const svid = understood(() => readJwtResponse(bytes));
    if (svid === undefined) throw failure(PERMISSION_DENIED);
    return svid;
  }

  close(): void {
    this.#closed.abort(new ConfigurationError('The client is closed.'));
    this.#stream?.cancel();
    void this.#connection?.then(({ client }) => client.close(), () => undefined);
  }

  #connect(): Promise<Connection> {
    this.#connection ??= loadGrpc().then((grpc) => ({
      grpc, client: new grpc.Client(this.#target, grpc.credentials.createInsecure(), { 'grpc.enable_http_proxy': 0, 'grpc.max_reconnect_backoff_ms': RECONNECT_MS_MAX }),
    }));
    this.#connection.catch(() => { this.#connection = undefined; });
    return this.#connection;
  }

  /** Resolves with the first message of the stream, which goes on. */
  async #open(): Promise<X509Svid | undefined> {
    const connection = await this.#connect();
    let ended = false;
    return new Promise((resolve, reject) => {
      const late = this.#surroundings.limit(FETCH_MS_MAX, () => {
        reject(failure(undefined));
        this.#stream?.cancel();
      });
      this.#listen(connection, (svid) => {
        late();
        resolve(svid);
        if (svid === undefined && this.#svid === undefined) this.#stream?.cancel();
      }, (code) => {
        late();
        if (code === PERMISSION_DENIED) resolve(undefined);
        else reject(failure(code));
        if (this.#svid !== undefined && !ended) void this.#keepOpen(connection, code);
        ended = true;
      });
    });
  }

  #listen({ grpc, client }: Connection, onSvid: (svid: X509Svid | undefined) => void, onEnd: (code: number | undefined) => void): void {
    const stream = client.makeServerStreamRequest('/SpiffeWorkloadAPI/FetchX509SVID', AS_IT_IS, AS_IT_IS, Buffer.alloc(0), securityHeader(grpc), {});
    this.#stream = stream;
    stream.on('data', (message) => {
      try {
        const svid = readX509Response(message);
        this.#svid = svid ?? this.#svid;
        onSvid(svid);
      } catch {
        stream.cancel(); // it ends with an error; the SVID of before stays
      }
    });
    stream.on('error', (error: GrpcStatusError) => onEnd(error.code)); // a status other than OK; OK is told by `end` alone
    stream.on('end', () => onEnd(undefined));
  }

  /** The stream of a workload that had an SVID has ended: it is opened again, slower as long as nothing comes. */
  async #keepOpen(connection: Connection, ended: number | undefined): Promise<void> {
    let code = ended;
    let delayMs = RECONNECT_MS;
    while (code !== INVALID_ARGUMENT) { // Workload API section 6.1: asking again would not help
      await wait(this.#surroundings, delayMs * (1 + this.#surroundings.chance()) / 2, this.#closed.signal).catch(() => undefined);
      if (this.#closed.signal.aborted) return;
      let came = false;
      code = await new Promise<number | undefined>((resolve) => this.#listen(connection, () => { came = true; }, resolve));
      delayMs = came ? RECONNECT_MS : Math.min(delayMs * 2, RECONNECT_MS_MAX);
    }
  }
}

function securityHeader(grpc: Grpc): GrpcMetadata {
  const metadata = new grpc.Metadata();
  metadata.set(SECURITY_HEADER, 'true');
  return metadata;
}

function understood<Answer>(read: () => Answer): Answer {
  try {
    return read();
  } catch {
    throw failure(undefined);
  }
}

function failure(code: number | undefined): TransportError {
  const why = code === PERMISSION_DENIED ? 'gives this workload no SVID: register it' : 'did not answer: does the agent run, and is this its socket?';
  return new TransportError(`The SPIFFE Workload API ${why}${code === undefined ? '' : ` (gRPC status ${code})`}`, { kind: 'connection', mayHaveRun: false });
}

/** Workload API section 3: a URI; to gRPC a target. */
function targetOf(socket: string): string {
  if (/^unix:(\/\/)?\/[^/]/.test(socket)) return `unix:${socket.replace(/^unix:(\/\/)?/, '')}`;
  const tcp = /^tcp:\/\/((?:127\.\d+\.\d+\.\d+|\[::1\]):\d{1,5})$/.exec(socket);
  if (tcp?.[1] !== undefined) return tcp[1];
  throw new ConfigurationError('The Workload API\'s socket is unix:///path, or tcp:// with a loopback address and a port.');
}

export type { X509Svid };
