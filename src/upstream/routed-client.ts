// One client for all tool servers: which way a call takes is its server's entry in the registry.
import type { RegisteredServer } from '../engines/registry/types.js';
import type { UpstreamCall, UpstreamClient, UpstreamRequest, UpstreamSink } from './types.js';

export interface Ways {
  readonly http: UpstreamClient;
  readonly sse: UpstreamClient;
  readonly stdio: UpstreamClient;
}

export class RoutedClient implements UpstreamClient {
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

  async close(): Promise<void> {
    await Promise.all([this.#ways.sse.close(), this.#ways.stdio.close()]);
    await this.#ways.http.close();
  }

  #wayTo(url: string): UpstreamClient {
    if (url.startsWith('stdio:')) return this.#ways.stdio;
    return this.#servers.get(url)?.transport.kind === 'sse' ? this.#ways.sse : this.#ways.http;
  }
}
