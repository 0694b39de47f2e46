// What every message of one call's answer crosses, whole or streamed: read, matched with the call's id, screened, and its taint set before a byte of it leaves.
import type { GuardLimits } from '../base/json/types.js';
import type { Exchange } from '../chain/exchange.js';
import { deny } from '../chain/verdict.js';
import { comparableId } from '../mcp/message-id.js';
import type { ResponseFirewall } from '../response/index.js';
import type { Screened } from '../response/scanned.js';
import type { SseEvent } from '../upstream/sse.js';
import { limitsOf } from './answers.js';
import { asForeignError } from './foreign-error.js';
import { readServerMessage, withId, type ServerMessage } from './message.js';
import { offers } from './offering.js';
import type { TerminalServices } from './services.js';
import { dataOnly, framingOf } from './sse-event.js';
import { ANSWER_BYTES_MAX, taskIdOf } from './task-owners.js';

const SHOWN_TYPE_CHARACTERS = 100;
const TASK_ID = Buffer.from('"taskId"');

/** Most answers make no task, and are not looked into. */
function speaksOfTask(bytes: Uint8Array): boolean {
  return bytes.length <= ANSWER_BYTES_MAX && Buffer.prototype.includes.call(bytes, TASK_ID);
}

export class MessageScreen {
  /** The id the client knows. */
  readonly idText: string;
  /** The id the server was given: another one where callers share a session. */
  wireIdText: string;
  /** What becomes of an answer that is not the client's as it came; undefined = nothing. */
  adapt: ((bytes: Uint8Array) => Uint8Array) | undefined = undefined;
  /** The tool server's URL. */
  readonly server: string;
  readonly #exchange: Exchange;
  readonly #services: TerminalServices;
  readonly #limits: GuardLimits;
  /** Later requests that name a task must find their way back, and nobody else may. The only server there is gets requests of any capability, declared or not. */
  readonly #mayMakeTask: boolean;

  constructor(exchange: Exchange, services: TerminalServices, url: string) {
    this.#exchange = exchange;
    this.#services = services;
    this.server = url;
    this.#limits = limitsOf(exchange.ctx.snapshot.config);
    this.idText = exchange.ctx.call?.idText ?? 'null';
    this.wireIdText = this.idText;
    const { upstreams } = exchange.ctx.snapshot.registry;
    this.#mayMakeTask = upstreams.length === 1 || offers(services.tools.upstream(url), 'tasks');
  }

  read(bytes: Uint8Array): ServerMessage {
    return readServerMessage(bytes, this.#services.jsonGuard, this.#limits);
  }

  /** Some servers answer a request they could not read with id null. */
  isOurs(message: ServerMessage): boolean {
    if (message.idText === this.wireIdText || (message.isError && message.idText === 'null')) return true;
    return comparableId(message.idText) === comparableId(this.wireIdText);
  }

  /** The answer as the client is to see it: under its own id, and in its own era. */
  restore(bytes: Uint8Array, message: ServerMessage): Uint8Array {
    const named = message.idText === this.idText ? bytes : withId(bytes, message, this.idText);
    const own = message.isError ? asForeignError(named) : named;
    return this.adapt === undefined ? own : this.adapt(own);
  }

  /** Screens a message, sets the taint its tool gives before the first byte leaves, then hands it on. `escapes`: known where these very bytes were just read. */
  release(bytes: Uint8Array, escapes: boolean | undefined, then: (screened: Screened) => void): void {
    const screened = this.#current().screen(bytes, escapes);
    if (!(screened instanceof Promise)) {
      this.#accept(screened, then);
      return;
    }
    const failed: Screened = { kind: 'block', refusal: deny('response_blocked', { reasonCode: 'scan_failed' }), findings: [] };
    screened.then((late) => this.#exchange.guard(() => this.#accept(late, then)), () => this.#exchange.guard(() => this.#accept(failed, then)));
  }

  /** An event's lines beside its data reach the client as well. */
  cleanFraming(event: SseEvent): SseEvent {
    const { keep, findings } = this.#current().screenFraming(framingOf(event));
    this.#exchange.addFindings(findings);
    return keep ? event : dataOnly(event);
  }

  /** The type of an answer that has none of MCP's, for whoever looks for the fault; none where it is no plain word. */
  shownType(type: string): { readonly content_type?: string } {
    return this.#current().screenFraming(Buffer.from(type)).keep ? { content_type: type.slice(0, SHOWN_TYPE_CHARACTERS) } : {};
  }

  taint(): void {
    const { ctx } = this.#exchange;
    if (ctx.tool === undefined || ctx.tool === 'none' || ctx.caller === undefined) return;
    const { classification, name } = ctx.tool.registered;
    const nowMs = this.#services.nowMs(); // not when the call came: taint counted from there ends early, and has ended already where an answer takes as long as it lives
    const severity = this.#services.sessionRisk.taint(ctx.caller.spiffeId, ctx.mcpSessionId, classification, name, nowMs);
    if (severity >= 0 && ctx.mcpSession !== undefined && ctx.mcpSession !== 'none') ctx.mcpSession.noteTaint({ severity, classification, source: name, atMs: nowMs });
  }

  #accept(screened: Screened, then: (screened: Screened) => void): void {
    if (screened.findings.length > 0) this.#exchange.addFindings(screened.findings);
    // What a tool tells before its answer, or in an error, it may have from the same source.
    if (screened.kind === 'release') this.taint();
    if (screened.kind === 'release' && this.#mayMakeTask) this.#noteTask(screened.bytes);
    then(screened);
  }

  #noteTask(bytes: Uint8Array): void {
    const taskId = speaksOfTask(bytes) ? taskIdOf(bytes) : undefined;
    if (taskId !== undefined) this.#services.taskOwners.learn(this.#exchange.ctx, taskId, this.server);
  }

  #current(): ResponseFirewall {
    return this.#services.firewalls.of(this.#exchange.ctx.snapshot, this.server);
  }
}
