// One exchange with a tool server, as callbacks: no promise on the way of a call.

export interface UpstreamRequest {
  readonly url: string;
  readonly httpMethod: 'POST' | 'GET' | 'DELETE';
  /** The URL is one session's alone, and no registry's: nothing of it is kept. */
  readonly ownUrl?: boolean;
  /** Lower-case names. `host`, `content-length` and `connection` are the client's own business. */
  readonly headers: Readonly<Record<string, string>>;
  /** Copied before `send` returns, but for what stays. */
  readonly body: Uint8Array | undefined;
  /** Nobody changes the body's bytes until the call has ended: a large one is sent from where it is. */
  readonly bodyStays?: boolean;
  /** A stream that stays open for as long as its client listens: it takes no connection of the calls'. A GET always is one. */
  readonly listens?: boolean;
  /** From the call of `send` to the first byte of the answer. */
  readonly answerTimeoutMs: number;
  /** Longest silence within the answer. */
  readonly idleTimeoutMs: number;
}

export interface UpstreamFault {
  readonly kind: 'transport' | 'timeout' | 'protocol';
  /** False only when it is certain that no byte of the request was sent: then, and only then, it may be tried again. */
  readonly maybeSent: boolean;
  /** It waited in vain for one of the gateway's own connections: other calls held them all, and nothing was learnt of the server. */
  readonly crowdedOut?: boolean;
  readonly message: string;
}

export interface UpstreamSink {
  onHead(status: number, headers: Readonly<Record<string, string>>): void;
  /** `chunk` is valid only until it returns. */
  onData(chunk: Uint8Array): void;
  onEnd(): void;
  /** The last call, instead of onEnd. */
  onFault(fault: UpstreamFault): void;
}

export interface UpstreamCall {
  /** Once it has ended nothing reads its body's bytes any more, the system's queues included. Absent: they may. */
  readonly bodyIsFree?: boolean;
  /** Cancels; no callback comes after it. */
  abort(): void;
  /** Stops and resumes reading (the client is slow). */
  pause(): void;
  resume(): void;
}

/** What goes to one URL. Connections and calls under way are its origin's, and shared by all URLs of that. */
export interface UpstreamLoad {
  readonly url: string;
  /** POSTs since the start, handshakes and notifications too. */
  readonly requests: number;
  readonly underWay: number;
  readonly connections: number;
}

export interface UpstreamClient {
  send(request: UpstreamRequest, sink: UpstreamSink): UpstreamCall;
  close(): Promise<void>;
}

export interface ReportingUpstreamClient extends UpstreamClient {
  report(): UpstreamLoad[];
}
