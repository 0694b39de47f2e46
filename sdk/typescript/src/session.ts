// An MCP session of 2025-11-25: opened, used, ended. One that the gateway no longer knows is said, never silently renewed.
import { askWithRetries } from './ask.js';
import { openingChannel, sessionHeaders } from './channels.js';
import { Deadline } from './deadline.js';
import { ConfigurationError, TransportError } from './errors.js';
import { resultOf } from './generators.js';
import { isObject, objectOf, textOf, type JsonObject } from './json.js';
import { readMessages } from './messages.js';
import { Operations, type Core } from './operations.js';
import { checkSessionOptions, LEGACY_VERSION, seconds, type RequestOptions, type SessionOptions } from './options.js';
import { RPC } from './codes.js';
import type { Channel } from './wire.js';

/** A goodbye that nobody waits for. */
const CLOSING_S = 2;
const MS_PER_SECOND = 1000;
const INTERNAL_ERROR = -32603;
/** Versions with a session. */
const VERSIONS: ReadonlySet<string> = new Set([LEGACY_VERSION, '2025-06-18', '2025-03-26', '2024-11-05']);

export class GatewaySession extends Operations {
  readonly #core: Core;
  readonly #options: SessionOptions;
  readonly #told = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  #id: string | undefined;
  #version = LEGACY_VERSION as string;
  #server: JsonObject = {};
  #channel: Channel | undefined;
  #ended: Promise<void> | undefined;
  readonly #onEnded: (session: GatewaySession) => void;

  private constructor(core: Core, options: SessionOptions, onEnded: (session: GatewaySession) => void) {
    super();
    this.#core = core;
    this.#options = options;
    this.#onEnded = onEnded;
  }

  static async open(core: Core, options: SessionOptions = {}, onEnded: (session: GatewaySession) => void = () => undefined): Promise<GatewaySession> {
    checkSessionOptions(options);
    const session = new GatewaySession(core, options, onEnded);
    await session.#initialize();
    return session;
  }

  /** Mcp-Session-Id; undefined = the gateway gave none. */
  get id(): string | undefined {
    return this.#id;
  }

  /** The result of initialize: serverInfo, capabilities, instructions. */
  get server(): Readonly<JsonObject> {
    return this.#server;
  }

  async ping(options: RequestOptions = {}): Promise<void> {
    await this.request('ping', {}, options);
  }

  /** Says that the session is over. Never throws. */
  close(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  protected override get core(): Core {
    return this.#core;
  }

  protected override channel(): Promise<Channel> {
    return this.#closing.signal.aborted ? Promise.reject(closed()) : Promise.resolve(this.carry());
  }

  /** @internal How its questions are carried; the same object each time. */
  carry(): Channel {
    this.#channel ??= {
      isSession: true,
      headers: () => this.#headers(),
      meta: () => ({}),
      onRequest: (message) => this.#beside(this.#answer(message)),
      onGivenUp: (id) => this.#beside(this.#tell('POST', { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id, reason: 'The caller no longer waits.' } })),
    };
    return this.#channel;
  }

  protected override renew(): boolean {
    return false;
  }

  async #end(): Promise<void> {
    this.#closing.abort(closed());
    await this.#besides();
    if (this.#id !== undefined) await this.#tell('DELETE', undefined);
    this.#onEnded(this);
  }

  async #initialize(): Promise<void> {
    const { settings, surroundings } = this.#core;
    const { onRequest, capabilities = onRequest === undefined ? {} : { sampling: {}, elicitation: {}, roots: {} } } = this.#options;
    const deadline = new Deadline(seconds('timeout', this.#options.timeout ?? settings.timeout), this.#options.signal, surroundings);
    const members = Object.entries({ protocolVersion: LEGACY_VERSION, capabilities, clientInfo: settings.clientInfo }).map(([name, value]) => [name, JSON.stringify(value)] as const);
    const question = { method: 'initialize', name: '', members, meta: {}, wantsProgress: false, headers: () => ({}) };
    try {
      const messages = askWithRetries(this.#core, question, { idempotent: false, deadline, channel: () => Promise.resolve(openingChannel()), repair: () => Promise.resolve(false) });
      const { result, header, traceId } = await resultOf(messages);
      const version = textOf(result['protocolVersion']) ?? '';
      if (!VERSIONS.has(version)) throw new TransportError('The gateway answered initialize with a version that has no sessions.', { kind: 'answer', mayHaveRun: true, traceId });
      this.#id = header('mcp-session-id');
      this.#version = version;
      this.#server = result;
    } finally {
      deadline.end();
    }
    await this.#tell('POST', { jsonrpc: '2.0', method: 'notifications/initialized' });
    if (onRequest !== undefined || this.#options.onNotification !== undefined) this.#beside(this.#listen());
  }

  #headers(): Readonly<Record<string, string>> {
    return sessionHeaders(this.#id, this.#version);
  }

  /** What the server says and asks beside the calls. A gateway that has no such stream says so (405), and that is the end of it. */
  async #listen(): Promise<void> {
    const { settings, surroundings, wire } = this.#core;
    const answer = await wire.listen(this.#headers(), this.#closing.signal);
    if (answer.status !== 200) return answer.close();
    for await (const message of readMessages(answer, { bytesMax: settings.answerBytesMax, traceId: undefined, nowMs: surroundings.nowMs })) {
      const method = textOf(message['method']);
      if (method === undefined) continue;
      if (message['id'] === undefined) this.#hear(method, objectOf(message['params']));
      else this.#beside(this.#answer(message));
    }
  }

  #hear(method: string, params: JsonObject): void {
    try {
      this.#options.onNotification?.({ method, params });
    } catch {
      // The caller's own; what the server asks later is still answered.
    }
  }

  async #answer(message: JsonObject): Promise<void> {
    const id = message['id'];
    const method = textOf(message['method']) ?? '';
    await this.#tell('POST', { jsonrpc: '2.0', id, ...(await this.#answered(method, objectOf(message['params']))) });
  }

  async #answered(method: string, params: JsonObject): Promise<JsonObject> {
    if (method === 'ping') return { result: {} };
    const { onRequest } = this.#options;
    if (onRequest === undefined) return { error: { code: RPC.methodNotFound, message: 'This client answers no such request.' } };
    try {
      const result = await onRequest({ method, params });
      // Written here, where it may fail: the server waits for an answer also to what has no JSON.
      return isObject(result) ? { result: JSON.parse(JSON.stringify(result)) as unknown } : { error: { code: RPC.methodNotFound, message: 'This client answers no such request.' } };
    } catch {
      return { error: { code: INTERNAL_ERROR, message: 'The client could not answer.' } }; // its own words stay here
    }
  }

  async #tell(method: 'POST' | 'DELETE', message: unknown): Promise<void> {
    const { surroundings, wire } = this.#core;
    const deadline = new Deadline(CLOSING_S, undefined, surroundings);
    try {
      await wire.tell(method, message, this.#headers(), deadline.signal);
    } catch {
      // Nobody waits for it.
    } finally {
      deadline.end();
    }
  }

  /** An onRequest that asks a person may never come to an end: it is waited for only so long. */
  async #besides(): Promise<void> {
    let stop = (): void => undefined;
    const late = new Promise<void>((resolve) => { stop = this.#core.surroundings.limit(CLOSING_S * MS_PER_SECOND, resolve); });
    await Promise.race([Promise.allSettled([...this.#told]), late]);
    stop();
  }

  /** close() waits for it. */
  #beside(work: Promise<unknown>): void {
    const done = work.catch(() => undefined).finally(() => this.#told.delete(done));
    this.#told.add(done);
  }
}

function closed(): ConfigurationError {
  return new ConfigurationError('The session is closed.');
}
