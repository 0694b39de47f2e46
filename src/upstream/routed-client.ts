// One client for all tool servers: which way a call takes is its server's entry in the registry.
import type { RegisteredServer } from '../engines/registry/types.js';
import { sendWith, type ServerHeaders } from './server-headers.js';
import type { ReportingUpstreamClient, UpstreamCall, UpstreamLoad, UpstreamRequest, UpstreamSink } from './types.js';

export interface Ways {
  readonly http: ReportingUpstreamClient;
  readonly sse: ReportingUpstreamClient;
  readonly stdio: ReportingUpstreamClient;
}

export class RoutedClient implements ReportingUpstreamClient {
  readonly #ways: Ways;
  readonly #headers: ServerHeaders;
  #servers: ReadonlyMap<string, RegisteredServer> = new Map();

  constructor(ways: Ways, headers: ServerHeaders, servers: ReadonlyMap<string, RegisteredServer>) {
    this.#ways = ways;
    this.#headers = headers;
    this.setServers(servers);
  }

  setServers(servers: ReadonlyMap<string, RegisteredServer>): void {
    this.#headers.setServers(servers);
    this.#servers = servers;
  }

  send(request: UpstreamRequest, sink: UpstreamSink): UpstreamCall {
    const { url } = request;
    if (url.startsWith('stdio:')) return this.#ways.stdio.send(request, sink);
    const transport = this.#servers.get(url)?.transport;
    if (transport === undefined) return this.#ways.http.send(request, sink);
    const added = this.#headers.of(url);
    // Its own requests have them.
    if (transport.kind === 'sse' && typeof added !== 'string') return this.#ways.sse.send(request, sink);
    return sendWith(added, this.#ways.http, request, sink);
  }

  /** HTTP+SSE has its connections from the way to http: addresses, and its calls from its own. */
  report(): UpstreamLoad[] {
    const http = new Map(this.#ways.http.report().map((load) => [load.url, load]));
    const sse = this.#ways.sse.report().map((load) => ({ ...load, connections: http.get(load.url)?.connections ?? 0 }));
    for (const { url } of sse) http.delete(url);
    return [...http.values(), ...sse, ...this.#ways.stdio.report()];
  }

  async close(): Promise<void> {
    await Promise.all([this.#ways.sse.close(), this.#ways.stdio.close()]);
    await this.#ways.http.close();
  }
}
