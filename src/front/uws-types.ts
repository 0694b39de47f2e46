// The part of uWebSockets.js 20.56.0 the front uses; the package's own declarations lack several members that exist at run time.

export type UwsText = string | ArrayBuffer | Uint8Array;

/** Opaque. Keep it referenced for as long as the port is to stay open. */
export interface UwsListenSocket {
  readonly uwsListenSocket: unique symbol;
}

/** Opaque; handed from `upgrade` to `HttpResponse.upgrade`. */
export interface UwsSocketContext {
  readonly uwsSocketContext: unique symbol;
}

/** Valid only until the handler returns. */
export interface HttpRequest {
  /** Empty when absent; the name in lower case. Repeated headers: the first one. */
  getHeader(lowerCaseName: string): string;
  /** Path without the query. */
  getUrl(): string;
  /** Lower case. */
  getMethod(): string;
  getQuery(): string | undefined;
  /** Every header line in order, repeated ones too. */
  forEach(each: (lowerCaseName: string, value: string) => void): void;
}

/** Throws when used after the client hung up or after the end. */
export interface HttpResponse {
  pause(): void;
  writeStatus(status: UwsText): HttpResponse;
  writeHeader(name: UwsText, value: UwsText): HttpResponse;
  /** False = backpressure: wait for onWritable. */
  write(chunk: UwsText): boolean;
  end(body?: UwsText, closeConnection?: boolean): HttpResponse;
  endWithoutBody(reportedContentLength?: number, closeConnection?: boolean): HttpResponse;
  /** [everything was taken, the response is done] */
  tryEnd(bodyOrRest: UwsText, totalBytes: number): [boolean, boolean];
  /** Cuts the connection. */
  close(): HttpResponse;
  getWriteOffset(): number;
  onWritable(handler: (offset: number) => boolean): HttpResponse;
  onAborted(handler: () => void): HttpResponse;
  /** The chunk is detached as soon as the handler returns. */
  onData(handler: (chunk: ArrayBuffer, isLast: boolean) => void): HttpResponse;
  /** 4 or 16 bytes. */
  getRemoteAddress(): ArrayBuffer;
  cork(write: () => void): HttpResponse;
  upgrade<UserData>(userData: UserData, key: UwsText, protocol: UwsText, extensions: UwsText, context: UwsSocketContext): void;
  /** SSLApp only (absent on App): the peer's certificate as PEM, the empty string when it sent none. */
  getX509Certificate?(): string;
}

export interface WebSocket<UserData> {
  /** 1 = sent, 0 = queued (backpressure), 2 = dropped. */
  send(message: UwsText, isBinary?: boolean, compress?: boolean): number;
  getBufferedAmount(): number;
  end(code?: number, reason?: UwsText): void;
  /** At once, without a code; what the client has not taken is dropped. */
  close(): void;
  getUserData(): UserData;
}

export interface WebSocketBehavior<UserData> {
  readonly maxPayloadLength?: number;
  readonly closeOnBackpressureLimit?: boolean;
  /** Minutes; 0 = no limit. */
  readonly maxLifetime?: number;
  /** Seconds; 0 or 8 to 960. */
  readonly idleTimeout?: number;
  readonly compression?: number;
  readonly maxBackpressure?: number;
  readonly sendPingsAutomatically?: boolean;
  readonly upgrade?: (response: HttpResponse, request: HttpRequest, context: UwsSocketContext) => void;
  readonly open?: (socket: WebSocket<UserData>) => void;
  readonly message?: (socket: WebSocket<UserData>, message: ArrayBuffer, isBinary: boolean) => void;
  readonly dropped?: (socket: WebSocket<UserData>, message: ArrayBuffer, isBinary: boolean) => void;
  readonly drain?: (socket: WebSocket<UserData>) => void;
  /** It has been answered already. */
  readonly ping?: (socket: WebSocket<UserData>, message: ArrayBuffer) => void;
  readonly close?: (socket: WebSocket<UserData>, code: number, message: ArrayBuffer) => void;
}

export interface AppOptions {
  readonly key_file_name?: string;
  readonly cert_file_name?: string;
  /** Asks clients for a certificate of these authorities; a client without one is still let in. */
  readonly ca_file_name?: string;
}

export type UwsHandler = (response: HttpResponse, request: HttpRequest) => void;
export type UwsListening = (socket: UwsListenSocket | false) => void;

export interface UwsApp {
  /** `options`: LIBUS_LISTEN_EXCLUSIVE_PORT, or 0 for a port shared by threads. */
  listen(host: string, port: number, options: number, listening: UwsListening): UwsApp;
  get(pattern: string, handler: UwsHandler): UwsApp;
  post(pattern: string, handler: UwsHandler): UwsApp;
  any(pattern: string, handler: UwsHandler): UwsApp;
  ws<UserData>(pattern: string, behavior: WebSocketBehavior<UserData>): UwsApp;
  /** 1 = a connection was opened, −1 = closed. */
  filter(each: (response: HttpResponse, change: number) => void): UwsApp;
  /** Closes listeners and connections. A thread that ends with an open app aborts the process. */
  close(): UwsApp;
}

export interface Uws {
  App(options?: AppOptions): UwsApp;
  SSLApp(options: AppOptions): UwsApp;
  us_listen_socket_close(socket: UwsListenSocket): void;
  us_socket_local_port(socket: UwsListenSocket): number;
  readonly LIBUS_LISTEN_EXCLUSIVE_PORT: number;
  /** `silent` before App(): no `uWebSockets` answer header. */
  _cfg(key: 'silent'): void;
}
