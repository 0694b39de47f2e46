// The bridge itself: each line of the client to the gateway, each message of the gateway to the client, and an answer to every request whatever happens.
import { replaceSpan } from '../../base/json/edits.js';
import { memberAt, stringAt } from '../../base/json/members.js';
import type { JsonGuard } from '../../base/json/types.js';
import { encodeMirroredHeader } from '../../mcp/header-mirror.js';
import { ACCEPT_BOTH } from '../../mcp/media-types.js';
import { comparableId } from '../../mcp/message-id.js';
import { findAnswered } from '../../upstream/duplex/unreadable.js';
import { CliFailure } from '../failure.js';
import { notMcp } from '../mcp-exchange.js';
import { errorLine, faultOf, ID_IN_USE, LINE_TOO_LONG, NO_ANSWER, NO_SESSION, NOT_JSON, STOPPED, TOO_MANY, type BridgeFault } from './bridge-error.js';
import { ClientMessageReader, lacksParamHeader, type Answer, type ClientMessage } from './client-message.js';
import type { GatewayLink } from './gateway-link.js';
import { listTools } from './list-tools.js';
import type { Output } from './output.js';
import { ParamMarks } from './param-marks.js';
import { resume, RESUME_FIRST_MS, type Resumable } from './resume.js';
import { Session } from './session.js';
import { Telling } from './telling.js';

export interface RelayOptions {
  readonly link: Pick<GatewayLink, 'exchange'>;
  readonly output: Pick<Output, 'write'>;
  readonly guard: JsonGuard;
  readonly after: (ms: number, run: () => void) => () => void;
  /** For one request; 0 = as long as the client waits. */
  readonly timeoutMs: number;
  readonly say: (line: string) => void;
  /** More lines may be read again. */
  readonly onRoom: () => void;
}

export const LINE_BYTES_MAX = 32 * 1024 * 1024; // three times what a gateway takes by default
const IN_FLIGHT_MAX = 256; // as the gateway itself takes of one WebSocket
const IN_FLIGHT_BYTES_MAX = 64 * 1024 * 1024;
const TELL_TIMEOUT_MS = 30_000;
const [OK, NOT_FOUND] = [200, 404];
/** What never ends by itself: nobody waits for its answer. */
const LISTEN = 'subscriptions/listen';
const CANCELLED = 'notifications/cancelled';
const INITIALIZED = 'notifications/initialized';
const LOOKED_AT_BYTES = 256;

/** A line that waits for answers: one, or those of a batch. */
interface Asked extends Resumable {
  readonly message: ClientMessage;
  /** Raw id by its comparable form. */
  readonly open: Map<string, string>;
  sent: boolean;
  resuming: boolean;
}

export class Relay {
  readonly #options: RelayOptions;
  readonly #reader: ClientMessageReader;
  readonly #marks = new ParamMarks();
  readonly #asked = new Set<Asked>();
  readonly #byId = new Map<string, Asked>();
  #askedBytes = 0;
  #session: Session | undefined;
  /** What must be with the gateway before anything else: initialize, and the word that its answer was taken. */
  #gate: Promise<unknown> = Promise.resolve();
  readonly #telling: Telling;
  #whenIdle: (() => void) | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#reader = new ClientMessageReader(options.guard);
    this.#telling = new Telling({ send: (message) => this.#tell(message), onRoom: options.onRoom, onDone: () => this.#lookIdle() });
  }

  get isFull(): boolean {
    return this.#telling.isFull;
  }

  /** One line, without its end. A longer one than the bound comes as its beginning and end. */
  take(line: Buffer): void {
    if (line.length > LINE_BYTES_MAX) return this.#answer(askedInLong(line), LINE_TOO_LONG);
    const message = this.#reader.read(line);
    if (message === undefined) return this.#answer('null', NOT_JSON);
    switch (message.kind) {
      case 'response': return this.#reply(message);
      case 'notification': return message.cancels === undefined ? void this.#notify(message) : this.#cancel(message, message.cancels);
      default: return this.#ask(message);
    }
  }

  /** Waits for what is under way, then ends the session. */
  async finish(graceMs: number): Promise<void> {
    if (!this.#isIdle) await this.#idleWithin(graceMs);
    for (const asked of this.#asked) {
      this.#fail(asked, STOPPED);
      asked.over.abort();
    }
    await this.#leave();
  }

  async #leave(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.close();
  }

  #ask(message: ClientMessage): void {
    const ids = message.idTexts.map((idText) => [comparableId(idText), idText] as const);
    if (ids.some(([id]) => this.#byId.has(id)) || new Set(ids.map(([id]) => id)).size < ids.length) return message.idTexts.forEach((idText) => this.#answer(idText, ID_IN_USE));
    if (this.#asked.size >= IN_FLIGHT_MAX || this.#askedBytes + message.bytes.length > IN_FLIGHT_BYTES_MAX) return message.idTexts.forEach((idText) => this.#answer(idText, TOO_MANY));
    const asked: Asked = { message, open: new Map(ids), over: new AbortController(), sent: false, resuming: false, lastEventId: undefined, retryMs: RESUME_FIRST_MS };
    this.#asked.add(asked);
    this.#askedBytes += message.bytes.length;
    for (const [id] of ids) this.#byId.set(id, asked);
    const done = this.#gate.then(() => this.#run(asked)).finally(() => this.#forget(asked));
    if (message.method === 'initialize') this.#gate = done;
  }

  async #run(asked: Asked): Promise<void> {
    if (asked.over.signal.aborted) return;
    try {
      await this.#request(asked, {});
      await this.#resume(asked);
      this.#fail(asked, NO_ANSWER);
    } catch (error) {
      if (asked.over.signal.aborted) return;
      const isLate = error instanceof CliFailure && error.code === 'timeout';
      if (isLate) this.#giveUp(asked);
      else await this.#resume(asked);
      this.#fail(asked, faultOf(error));
    }
  }

  async #request(asked: Asked, more: Readonly<Record<string, string>>): Promise<void> {
    const { message } = asked;
    if (message.method === 'initialize') await this.#leave();
    const headers = { ...this.#headersFor(message), ...(message.method === 'tools/call' && message.version !== '' ? this.#marks.headersFor(message.name, message.bytes, message.args) : {}), ...more };
    asked.sent = true;
    const answer = await this.#options.link.exchange({
      method: 'POST', headers, body: message.bytes, signal: asked.over.signal, timeoutMs: message.method === LISTEN ? 0 : this.#options.timeoutMs,
      onHead: (status, got) => { if (message.method === 'initialize' && status === OK) this.#open(got['mcp-session-id']); },
      onMessage: (bytes) => this.#fromGateway(bytes, asked),
      onMark: (mark) => {
        asked.lastEventId = mark.eventId ?? asked.lastEventId;
        asked.retryMs = mark.retryMs ?? asked.retryMs;
      },
    });
    if (answer.body === undefined || asked.over.signal.aborted) return;
    const answers = this.#reader.answersIn(answer.body);
    if (answers === undefined) throw notMcp(answer.status);
    // Nothing has run: the gateway looks at these headers before the wire.
    if (Object.keys(more).length === 0 && message.method === 'tools/call' && message.version !== '' && answers[0]?.isError === true && lacksParamHeader(answer.body)) {
      await listTools(this.#options.link, message, asked.over.signal, (list) => this.#marks.learn(list));
      const learnt = this.#marks.headersFor(message.name, message.bytes, message.args);
      if (Object.keys(learnt).length > 0) return this.#request(asked, learnt);
    }
    this.#pass(answer.body, answers, asked);
  }

  async #resume(asked: Asked): Promise<void> {
    if (asked.open.size === 0 || asked.over.signal.aborted || this.#session === undefined) return;
    asked.resuming = true;
    const { link, after, timeoutMs } = this.#options;
    await resume(asked, { link, after, timeoutMs, session: this.#session, onMessage: (bytes) => this.#fromGateway(bytes, undefined) });
  }

  #open(id: string | string[] | undefined): void {
    this.#session = typeof id !== 'string' ? undefined : new Session(id, { link: this.#options.link, after: this.#options.after, onMessage: (bytes) => this.#fromGateway(bytes, undefined), say: this.#options.say });
  }

  /** `asked`: whose stream or answer it came in; undefined = the session's own stream. */
  #fromGateway(bytes: Buffer, asked: Asked | undefined): void {
    const answers = this.#reader.answersIn(bytes);
    if (answers === undefined) this.#options.say('the gateway sent an event that is no JSON-RPC; it is left out.');
    else this.#pass(bytes, answers, asked);
  }

  #pass(bytes: Buffer, answers: readonly Answer[], asked: Asked | undefined): void {
    if (answers.length === 0) return this.#options.output.write(bytes);
    const [first] = answers;
    if (first?.idText === 'null' && answers.length === 1) return this.#refusedUnread(bytes, asked);
    const known = answers.flatMap(({ idText, isError }) => {
      const id = comparableId(idText);
      const whose = this.#byId.get(id);
      return whose === undefined ? [] : [{ id, isError, whose }];
    });
    if (known.length === 0) return; // cancelled, or said twice
    for (const { id, isError, whose } of known) {
      this.#note(bytes, isError, whose);
      this.#settle(whose, id);
    }
    this.#options.output.write(bytes);
  }

  /** The gateway could not, or would not, read whose it is; the bridge knows. */
  #refusedUnread(bytes: Buffer, asked: Asked | undefined): void {
    if (asked === undefined || asked.open.size === 0) return this.#options.output.write(bytes);
    this.#note(bytes, true, asked);
    const id = memberAt(bytes, ['id']);
    for (const [key, idText] of [...asked.open]) {
      this.#options.output.write(id === undefined ? Buffer.concat([Buffer.from(`{"id":${idText},`), bytes.subarray(bytes.indexOf('{') + 1)]) : Buffer.from(replaceSpan(bytes, id, idText)));
      this.#settle(asked, key);
    }
  }

  /** What the bridge itself must know of an answer that passes. */
  #note(bytes: Buffer, isError: boolean, { message }: Asked): void {
    if (isError) {
      // The gateway's word alone: a tool server's data may have any code, and has no decision of the gateway's.
      if (stringAt(bytes, memberAt(bytes, ['error', 'data', 'code'])) === 'session_not_found' && memberAt(bytes, ['error', 'data', 'decision_id']) !== undefined) this.#session?.lose();
    } else if (message.method === 'initialize' && this.#session !== undefined) this.#session.version = stringAt(bytes, memberAt(bytes, ['result', 'protocolVersion'])) ?? '';
    else if (message.method === 'tools/list' && message.version !== '') this.#marks.learn(bytes);
  }

  #settle(asked: Asked, id: string): void {
    asked.open.delete(id);
    this.#byId.delete(id);
    if (asked.resuming && asked.open.size === 0) asked.over.abort(); // that stream does not end with the answer
  }

  #fail(asked: Asked, fault: BridgeFault): void {
    for (const [id, idText] of [...asked.open]) {
      this.#answer(idText, fault);
      this.#settle(asked, id);
    }
  }

  #answer(idText: string, fault: BridgeFault): void {
    this.#options.output.write(errorLine(idText, fault));
  }

  #forget(asked: Asked): void {
    for (const id of asked.open.keys()) this.#byId.delete(id);
    this.#asked.delete(asked);
    this.#askedBytes -= asked.message.bytes.length;
    this.#lookIdle();
  }

  /** Over HTTP a stateless request is cancelled by closing its stream (2026-07-28); in a session the notification goes its way, and the answer is no longer waited for. */
  #cancel(message: ClientMessage, requestId: string): void {
    const id = comparableId(requestId);
    const asked = this.#byId.get(id);
    const session = this.#session;
    if (asked === undefined) return session === undefined ? undefined : void this.#notify(message);
    const told = asked.message.version === '' && asked.sent && session !== undefined;
    this.#settle(asked, id);
    const hangUp = (): void => { if (asked.open.size === 0) asked.over.abort(); };
    if (told) void this.#notify(message).then(hangUp);
    else hangUp();
  }

  /** Out of time: in a session a hang-up cancels nothing. */
  #giveUp({ message, open }: Asked): void {
    if (message.version !== '' || this.#session === undefined) return;
    for (const idText of open.values()) {
      void this.#notify({ ...message, kind: 'notification', method: CANCELLED, idTexts: [], args: undefined, bytes: Buffer.from(`{"jsonrpc":"2.0","method":"${CANCELLED}","params":{"requestId":${idText},"reason":"nobody waits for the answer"}}`) });
    }
  }

  #notify(message: ClientMessage): Promise<void> {
    const told = this.#telling.notify(message, this.#gate);
    if (message.method === INITIALIZED) {
      this.#gate = told;
      void told.then(() => this.#session?.listen());
    }
    return told;
  }

  #reply(message: ClientMessage): void {
    if (this.#session === undefined) return this.#options.say(NO_SESSION.message);
    void this.#telling.reply(message, this.#gate);
  }

  /** Nobody waits for an answer: what went wrong is said on stderr. */
  async #tell(message: ClientMessage): Promise<void> {
    const never = new AbortController().signal;
    const what = message.method === '' ? 'an answer' : message.method;
    try {
      const { status, body } = await this.#options.link.exchange({ method: 'POST', headers: this.#headersFor(message), body: message.bytes, signal: never, timeoutMs: TELL_TIMEOUT_MS, onMessage: (bytes) => this.#fromGateway(bytes, undefined) });
      if (status < 300) return;
      const code = body === undefined || this.#reader.answersIn(body) === undefined ? '' : stringAt(body, memberAt(body, ['error', 'data', 'code'])) ?? '';
      if (status === NOT_FOUND && code === 'session_not_found') this.#session?.lose();
      this.#options.say(`the gateway refused ${what} (HTTP ${status}${code === '' ? '' : `, ${code}`}).`);
    } catch (error) {
      this.#options.say(`${what} was not sent: ${error instanceof CliFailure ? error.message : 'failed.'}`);
    }
  }

  #headersFor({ method, version, name }: ClientMessage): Record<string, string> {
    const accept = { accept: ACCEPT_BOTH };
    if (version !== '') return { ...accept, 'mcp-protocol-version': encodeMirroredHeader(version), 'mcp-method': encodeMirroredHeader(method), ...(name === '' ? {} : { 'mcp-name': encodeMirroredHeader(name) }) };
    return method === 'initialize' ? accept : { ...accept, ...this.#session?.headers };
  }

  get #isIdle(): boolean {
    return this.#telling.isIdle && [...this.#asked].every(({ message }) => message.method === LISTEN);
  }

  #lookIdle(): void {
    if (this.#isIdle) this.#whenIdle?.();
  }

  #idleWithin(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.#options.after(ms, resolve);
      this.#whenIdle = () => {
        stop();
        resolve();
      };
    });
  }
}

/** The id of a request that is too long to be read, if it stands where most write it. */
function askedInLong(line: Buffer): string {
  const id = /"method"\s*:/.test(line.toString('latin1', 0, LOOKED_AT_BYTES)) ? findAnswered(line) : 0;
  return id === 0 ? 'null' : String(id);
}
