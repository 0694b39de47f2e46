// An MCP client of either era, as small as one question needs: one stateless POST, or a session around it that is closed again.
import { META_CLIENT_CAPABILITIES, META_PROTOCOL_VERSION } from '../mcp/eras.js';
import { encodeMirroredHeader } from '../mcp/header-mirror.js';
import { ACCEPT_BOTH } from '../mcp/media-types.js';
import { META_CLIENT_INFO } from '../mcp/other-era.js';
import { METHOD_NOT_FOUND } from '../mcp/rpc-codes.js';
import { LEGACY_VERSIONS, MODERN_VERSIONS } from '../mcp/versions.js';
import { packageVersion } from '../base/config/package-version.js';
import { parseJson } from '../base/json/parse-json.js';
import type { Ids } from '../base/ids/ids.js';
import type { DataPlane } from './data-plane.js';
import { exchange, notMcp, type McpAnswer } from './mcp-exchange.js';
import { member, numberOf, recordOf, textOf, type JsonRecord } from './reading.js';

const [MODERN = ''] = MODERN_VERSIONS;
const [LEGACY = ''] = LEGACY_VERSIONS;

const CLOSING_TIMEOUT_MS = 2_000; // a goodbye that nobody waits for
const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;

export interface Question {
  readonly method: string;
  /** What names the thing within params, repeated in Mcp-Name; '' = none. */
  readonly name: string;
  /** Members of params as JSON text, without braces and `_meta`: what was typed goes out byte for byte. */
  readonly members: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Answered {
  readonly status: number;
  /** Whole seconds, if the gateway said when to come again. */
  readonly retryAfterS: number | undefined;
  /** The JSON-RPC response: `result` or `error`. */
  readonly message: JsonRecord;
  /** Finds the record, also of an answer that carries no decision id. */
  readonly traceId: string;
}

export interface CallerOptions {
  readonly plane: DataPlane;
  readonly ids: Ids;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Every message as it came, the response too; a handshake's only where it is the answer. */
  readonly onMessage: (text: string, message: JsonRecord) => void;
}

export interface McpCaller {
  /** Rejects with CliFailure where no response came. A handshake that is refused is the answer. */
  ask(question: Question): Promise<Answered>;
  close(): Promise<void>;
}

export function createCaller(era: string, options: CallerOptions): McpCaller {
  return era === LEGACY ? new SessionCaller(options) : new StatelessCaller(options);
}

class StatelessCaller implements McpCaller {
  readonly #options: CallerOptions;
  #lastId = 0;

  constructor(options: CallerOptions) {
    this.#options = options;
  }

  ask({ method, name, members, headers }: Question): Promise<Answered> {
    const id = (this.#lastId += 1);
    const meta = { [META_PROTOCOL_VERSION]: MODERN, [META_CLIENT_CAPABILITIES]: {}, [META_CLIENT_INFO]: clientInfo(), progressToken: id };
    return post(this.#options, id, requestText(id, method, members, meta), {
      'mcp-protocol-version': MODERN, 'mcp-method': method, ...(name === '' ? {} : { 'mcp-name': encodeMirroredHeader(name) }), ...headers,
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

class SessionCaller implements McpCaller {
  readonly #options: CallerOptions;
  #session: Readonly<Record<string, string>> | undefined;
  #lastId = 0;

  constructor(options: CallerOptions) {
    this.#options = options;
  }

  async ask({ method, members }: Question): Promise<Answered> {
    const refused = this.#session === undefined ? await this.#open() : undefined;
    if (refused !== undefined) return refused;
    const id = (this.#lastId += 1);
    try {
      return await post(this.#options, id, requestText(id, method, members, { progressToken: id }), this.#session ?? {}, (asked) => this.#decline(asked));
    } catch (gaveUp) {
      // Stopped, or out of time: in this era a hang-up cancels nothing.
      await this.#tell({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id, reason: 'nobody waits for the answer' } });
      throw gaveUp;
    }
  }

  async close(): Promise<void> {
    const session = this.#session;
    if (session?.['mcp-session-id'] === undefined) return;
    this.#session = undefined;
    await this.#send('DELETE', undefined, session);
  }

  /** Undefined once the session is open. */
  async #open(): Promise<Answered | undefined> {
    const id = (this.#lastId += 1);
    const params = `"protocolVersion":${JSON.stringify(LEGACY)},"capabilities":{},"clientInfo":${JSON.stringify(clientInfo())}`;
    const seen: (readonly [string, JsonRecord])[] = [];
    const answered = await post({ ...this.#options, onMessage: (text, message) => void seen.push([text, message]) }, id, requestText(id, 'initialize', params, undefined), {});
    if (member(answered.message, 'error') !== undefined) {
      for (const [text, message] of seen) this.#options.onMessage(text, message);
      return answered;
    }
    const session = answered.headers['mcp-session-id'];
    const version = textOf(member(answered.message, 'result'), 'protocolVersion') || LEGACY;
    this.#session = { 'mcp-protocol-version': version, ...(typeof session === 'string' ? { 'mcp-session-id': session } : {}) };
    await this.#tell({ jsonrpc: '2.0', method: 'notifications/initialized' });
    return undefined;
  }

  /** agw has no model, no files and nobody to ask: a server that asks must not wait for it. */
  #decline(asked: JsonRecord): void {
    const id = member(asked, 'id');
    void this.#tell(textOf(asked, 'method') === 'ping' ? { jsonrpc: '2.0', id, result: {} } : { jsonrpc: '2.0', id, error: { code: METHOD_NOT_FOUND, message: 'agw answers no requests' } });
  }

  #tell(message: unknown): Promise<void> {
    return this.#send('POST', JSON.stringify(message), this.#session ?? {});
  }

  async #send(method: 'POST' | 'DELETE', body: string | undefined, headers: Readonly<Record<string, string>>): Promise<void> {
    const never = new AbortController().signal; // also what is said because everything stops
    await exchange(this.#options.plane, { method, body, headers: { accept: ACCEPT_BOTH, ...headers }, timeoutMs: CLOSING_TIMEOUT_MS, signal: never, onMessage: () => undefined }).catch(() => undefined);
  }
}

/** What agw says of itself to a server, and to the gateway. */
export function clientInfo(): { readonly name: string; readonly version: string } {
  return { name: 'agw', version: packageVersion() };
}

function requestText(id: number, method: string, members: string, meta: unknown): string {
  const params = [members, ...(meta === undefined ? [] : [`"_meta":${JSON.stringify(meta)}`])].filter((part) => part !== '').join(',');
  return `{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)},"params":{${params}}}`;
}

async function post({ plane, ids, timeoutMs, signal, onMessage }: CallerOptions, id: number, body: string, headers: Readonly<Record<string, string>>, onRequest: (message: JsonRecord) => void = () => undefined): Promise<Answered & { readonly headers: McpAnswer['headers'] }> {
  const traceId = ids.hex(TRACE_ID_BYTES);
  let response: JsonRecord | undefined;
  const take = (text: string): void => {
    const message = parsed(text);
    onMessage(text, message);
    if (typeof message['method'] === 'string') {
      if (message['id'] !== undefined) onRequest(message);
    } else if (message['jsonrpc'] === '2.0' && (message['error'] !== undefined || message['id'] === id)) response ??= message; // what could not be read is refused with id null
  };
  const { status, headers: got } = await exchange(plane, { method: 'POST', body, headers: { accept: ACCEPT_BOTH, traceparent: `00-${traceId}-${ids.hex(SPAN_ID_BYTES)}-01`, ...headers }, timeoutMs, signal, onMessage: take });
  if (response === undefined) throw notMcp(status);
  return { status, headers: got, retryAfterS: retryAfter(got['retry-after']), message: response, traceId };
}

function parsed(text: string): JsonRecord {
  try {
    return recordOf(parseJson(text));
  } catch {
    return {};
  }
}

function retryAfter(header: string | undefined): number | undefined {
  return numberOf({ seconds: header === undefined || !/^\d{1,6}$/.test(header) ? undefined : Number(header) }, 'seconds');
}
