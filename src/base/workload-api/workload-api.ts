// The SPIFFE Workload API as a workload asks it: its X.509-SVIDs for as long as it lives, and a JWT-SVID when it needs one. gRPC is loaded when it is first asked.
// sdk/typescript has another client of it: a package that is installed alone has nothing of this tree, and gRPC only where its user adds it.
import type * as Grpc from '@grpc/grpc-js';
import { FETCH_JWT, FETCH_X509, NO_REQUEST, readJwtAnswer, readX509Answer, writeJwtRequest, type JwtSvid, type X509Svid } from './messages.js';

export interface X509Watcher {
  /** All SVIDs, anew at each rotation; never none. */
  onSvids(svids: readonly X509Svid[]): void;
  /** Why there is nothing newer; it is asked again, unless it said that asking is wrong. */
  onFault(fault: WorkloadFault): void;
}

export interface WorkloadApi {
  /** Until `close`. */
  watchX509(watcher: X509Watcher): void;
  /** `spiffeId`: one of several; '' = the default. Rejects with WorkloadFault. */
  fetchJwt(audience: string, spiffeId: string): Promise<JwtSvid>;
  close(): void;
}

/** `no_identity`: nothing is registered for this process. `unreachable`: no Workload API is there. */
export type WorkloadFaultCode = 'no_identity' | 'unreachable' | 'refused' | 'unreadable';

export class WorkloadFault extends Error {
  readonly code: WorkloadFaultCode;

  constructor(code: WorkloadFaultCode, message: string) {
    super(message);
    this.name = 'WorkloadFault';
    this.code = code;
  }
}

export interface WorkloadOptions {
  /** As `workloadTarget` gives it. */
  readonly target: string;
  readonly after: (ms: number, run: () => void) => () => void;
}

const ANSWER_BYTES_MAX = 4 * 1024 * 1024; // a hundred SVIDs with their bundles
const AGAIN_FIRST_MS = 1_000;
const AGAIN_MAX_MS = 30_000; // an agent that restarts is there again within a minute
const JWT_TIMEOUT_MS = 5_000;
/** Against a request that a process was tricked into forwarding (SPIFFE Workload Endpoint, section 6.2). */
const SECURITY_HEADER = ['workload.spiffe.io', 'true'] as const;

export async function openWorkloadApi(options: WorkloadOptions): Promise<WorkloadApi> {
  return new GrpcWorkloadApi(await import('@grpc/grpc-js'), options);
}

class GrpcWorkloadApi implements WorkloadApi {
  readonly #grpc: typeof Grpc;
  readonly #client: Grpc.Client;
  readonly #after: WorkloadOptions['after'];
  #stream: Grpc.ClientReadableStream<readonly X509Svid[]> | undefined;
  #stopWaiting = (): void => undefined;
  #failures = 0;
  #closed = false;

  constructor(grpc: typeof Grpc, { target, after }: WorkloadOptions) {
    this.#grpc = grpc;
    this.#after = after;
    this.#client = new grpc.Client(target, grpc.credentials.createInsecure(), { 'grpc.default_authority': 'localhost', 'grpc.enable_http_proxy': 0, 'grpc.max_receive_message_length': ANSWER_BYTES_MAX, 'grpc.initial_reconnect_backoff_ms': AGAIN_FIRST_MS, 'grpc.max_reconnect_backoff_ms': AGAIN_MAX_MS });
  }

  watchX509(watcher: X509Watcher): void {
    let over = false;
    const ended = (fault: WorkloadFault, mayAskAgain: boolean): void => {
      if (over || this.#closed) return;
      over = true;
      this.#stream?.cancel();
      watcher.onFault(fault);
      if (!mayAskAgain) return;
      const waitMs = Math.min(AGAIN_FIRST_MS * 2 ** this.#failures, AGAIN_MAX_MS);
      this.#failures += 1;
      this.#stopWaiting = this.#after(waitMs, () => this.watchX509(watcher));
    };
    const stream = this.#client.makeServerStreamRequest(FETCH_X509, same, readOr(readX509Answer), NO_REQUEST, this.#metadata());
    this.#stream = stream;
    stream.on('data', (svids: readonly X509Svid[]) => {
      if (svids.length === 0) return;
      this.#failures = 0;
      watcher.onSvids(svids);
    });
    stream.on('error', (error: Grpc.ServiceError) => ended(this.#faultOf(error), error.code !== this.#grpc.status.INVALID_ARGUMENT));
    stream.on('end', () => ended(new WorkloadFault('unreachable', 'the Workload API ended the stream'), true));
  }

  fetchJwt(audience: string, spiffeId: string): Promise<JwtSvid> {
    return new Promise((resolve, reject) => {
      // The API answers from what it keeps; one that does not answer is asked again by whoever needs it.
      const deadline = new Date(Date.now() + JWT_TIMEOUT_MS);
      this.#client.makeUnaryRequest(FETCH_JWT, same, readOr(readJwtAnswer), writeJwtRequest(audience, spiffeId), this.#metadata(), { deadline }, (error, svids) => {
        const [svid] = svids ?? [];
        if (error !== null) reject(this.#faultOf(error));
        else if (svid === undefined) reject(new WorkloadFault('no_identity', 'the Workload API gave no JWT-SVID'));
        else resolve(svid);
      });
    });
  }

  close(): void {
    this.#closed = true;
    this.#stopWaiting();
    this.#stream?.cancel();
    this.#client.close();
  }

  #metadata(): Grpc.Metadata {
    const metadata = new this.#grpc.Metadata();
    metadata.set(...SECURITY_HEADER);
    return metadata;
  }

  /** Never with what was sent: a token would be in it. */
  #faultOf({ code, details }: Grpc.ServiceError): WorkloadFault {
    const { status } = this.#grpc;
    switch (code) {
      case status.PERMISSION_DENIED: return new WorkloadFault('no_identity', 'no identity is registered for this process');
      case status.UNAVAILABLE: return new WorkloadFault('unreachable', 'no Workload API answers there');
      case status.DEADLINE_EXCEEDED: return new WorkloadFault('unreachable', `the Workload API did not answer in ${JWT_TIMEOUT_MS / 1000} s`);
      case status.INTERNAL: return new WorkloadFault('unreadable', 'what the Workload API sent is no SVID');
      default: return new WorkloadFault('refused', `the Workload API refused: ${status[code] ?? code}, ${details.slice(0, 200)}`);
    }
  }
}

function same(bytes: Buffer): Buffer {
  return bytes;
}

/** grpc-js ends the call with INTERNAL where its reader throws, with the error's text: that text says nothing of the bytes. */
function readOr<T>(read: (message: Buffer) => T): (message: Buffer) => T {
  return (message) => {
    try {
      return read(message);
    } catch {
      throw new RangeError('no message of the Workload API');
    }
  };
}
