// One client for all tool servers: which way a call takes is its server's entry in the registry.
import type { RegisteredServer } from '../engines/registry/types.js';
import type { ReportingUpstreamClient, UpstreamCall, UpstreamClient, UpstreamLoad, UpstreamRequest, UpstreamSink } from './types.js';

export interface Ways {
  readonly http: ReportingUpstreamClient;
  readonly sse: ReportingUpstreamClient;
  readonly stdio: ReportingUpstreamClient;
}

export class RoutedClient implements ReportingUpstreamClient {
  readonly #ways: Ways;
  #servers: ReadonlyMap<string, RegisteredServer>;

  constructor(ways: Ways, servers: ReadonlyMap<string, RegisteredServer>) {
    this.#ways = ways;
    this.#servers = servers;
  }

  setServers(servers: ReadonlyMap<string, RegisteredServer>): void {
    this.#servers = servers;
  }

  send(request: UpstreamRequest, sink: UpstreamSink): UpstreamCall {
    return this.#wayTo(request.url).send(request, sink);
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

  #wayTo(url: string): UpstreamClient {
    if (url.startsWith('stdio:')) return this.#ways.stdio;
    return this.#servers.get(url)?.transport.kind === 'sse' ? this.#ways.sse : this.#ways.http;
  }
}
