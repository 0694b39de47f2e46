// Asks the kernel about a port before uWebSockets.js binds it: uWS says only "no", and shares a port silently with whoever else does.
import { createServer } from 'node:net';

/** The listener could not be opened; says where, why and what to do. */
export class FrontListenError extends Error {
  override readonly name = 'FrontListenError';
  /** EADDRINUSE, EADDRNOTAVAIL, EACCES, …; UNKNOWN if the kernel would now allow it. */
  readonly code: string;
  /** host:port */
  readonly address: string;

  constructor(code: string, address: string) {
    super(`cannot listen on ${address}: ${code}. ${REMEDIES.get(code) ?? 'Check front.host and front.port.'}`);
    this.code = code;
    this.address = address;
  }
}

const REMEDIES: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'Another process has this port: stop it (agw status, make down), or set another front.port (or tls.port) in the config file.'],
  ['EADDRNOTAVAIL', 'This machine has no such address: set front.host or tls.host to one of its own.'],
  ['EACCES', 'Ports below 1024 need a privilege: set a higher port.'],
]);

export function formatListenAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Binds and releases host:port. Resolves to the port (a free one for 0), or rejects with FrontListenError. */
export function probePort(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => reject(new FrontListenError(error.code ?? 'UNKNOWN', formatListenAddress(host, port))));
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      server.close(() => resolve(bound));
    });
  });
}
