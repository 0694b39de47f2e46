// Headers that the registry adds to all that is sent to a tool server: keys of the gateway's own, which no caller names or sees.
import { fillVariables, lackText } from '../base/config/environment.js';
import type { RegisteredServer } from '../engines/registry/types.js';
import { RefusedCall } from './refused-call.js';
import type { UpstreamCall, UpstreamClient, UpstreamRequest, UpstreamSink } from './types.js';

/** Shorter ones can't be told from other words of an answer, and are not looked for. */
const SECRET_CHARACTERS_MIN = 8;
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const NOT_IN_VALUES = /[^\t\x20-\x7e\x80-\xff]|^[\t ]|[\t ]$/; // RFC 9110, section 5.5, and what Latin-1 has no byte for

export type AddedHeaders = Readonly<Record<string, string>>;

export interface ServerHeadersOptions {
  /** A variable of this process. */
  readonly variable: (name: string) => string | undefined;
  /** Whose variables they are, for people; `the gateway` where absent. */
  readonly owner?: string;
  /** Called before they are sent for the first time, with the values that came from variables: the server may hand them on in its answers. */
  readonly secretsGiven: (upstream: string, values: readonly string[]) => void;
}

export class ServerHeaders {
  readonly #options: ServerHeadersOptions;
  #added: ReadonlyMap<string, AddedHeaders | string> = new Map();

  constructor(options: ServerHeadersOptions) {
    this.#options = options;
  }

  setServers(servers: ReadonlyMap<string, RegisteredServer>): void {
    const added = new Map<string, AddedHeaders | string>();
    for (const { upstream, transport } of servers.values()) {
      if (transport.kind !== 'stdio' && transport.headers !== undefined) added.set(upstream, this.#filled(upstream, transport.headers));
    }
    this.#added = added;
  }

  /** Lower-case names. Undefined: it has none. A text: why they can't be sent, for people; then nothing may be. */
  of(upstream: string): AddedHeaders | string | undefined {
    return this.#added.get(upstream);
  }

  #filled(upstream: string, written: Readonly<Record<string, string>>): AddedHeaders | string {
    const headers: [string, string][] = [];
    const secrets: string[] = [];
    for (const [name, text] of Object.entries(written)) {
      const filled = fillVariables(text, this.#options.variable);
      if ('missing' in filled) return `its ${name} takes ${lackText(filled.missing, this.#options.owner)}`;
      if (NOT_IN_VALUES.test(filled.text)) return `its ${name} holds a line end, a space at an end or another character that no header may have`;
      headers.push([name.toLowerCase(), filled.text]);
      secrets.push(...filled.values.flatMap(secretsIn));
    }
    this.#options.secretsGiven(upstream, secrets);
    return Object.freeze(Object.fromEntries(headers)); // whatever their names: `__proto__` is one
  }
}

/** With the headers, or not at all: what `ServerHeaders.of` says. */
export function sendWith(added: AddedHeaders | string | undefined, client: UpstreamClient, request: UpstreamRequest, sink: UpstreamSink): UpstreamCall {
  if (added === undefined) return client.send(request, sink);
  if (typeof added === 'string') return new RefusedCall(sink, { kind: 'transport', maybeSent: false, message: added });
  return client.send({ ...request, headers: { ...request.headers, ...added } }, sink);
}

/** The way to one server, for all that is sent there. `headersOf`: as they stand then. */
export function withHeaders(client: UpstreamClient, headersOf: () => AddedHeaders | string | undefined): UpstreamClient {
  return { send: (request, sink) => sendWith(headersOf(), client, request, sink), close: () => client.close() };
}

/** The value, and what stands behind its scheme: a server may show either. */
function secretsIn(value: string): string[] {
  const behind = /^[A-Za-z][A-Za-z0-9-]* +(\S+)$/.exec(value)?.[1] ?? value;
  return [...new Set([value, behind])].filter((text) => text.length >= SECRET_CHARACTERS_MIN);
}
