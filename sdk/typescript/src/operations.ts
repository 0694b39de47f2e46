// What can be asked of the gateway, by a client and by a session alike.
import { ApprovalWait } from './approvals.js';
import { Deadline } from './deadline.js';
import { ConfigurationError, ProtocolError, TransportError } from './errors.js';
import { GatewayError } from './gateway-error.js';
import { mapped, resultOf } from './generators.js';
import { isObject, listOf, numberOf, objectOf, parseJson, textOf, type JsonObject } from './json.js';
import { checkCallOptions, seconds, secondsOrNone, type CallOptions, type Progress, type RequestOptions, type Settings } from './options.js';
import { marksOf, paramHeaders, type ParamMark } from './param-headers.js';
import { askWithRetries } from './ask.js';
import type { Surroundings } from './surroundings.js';
import { ToolResult } from './tool-result.js';
import type { Answer, Channel, Question, Wire } from './wire.js';
import { RPC } from './codes.js';

/** As it came; members that this version does not know are there as well. */
export interface Tool extends JsonObject {
  readonly name: string;
  readonly description?: string;
  readonly inputSchema: JsonObject;
}

export interface Resource extends JsonObject {
  readonly uri: string;
  readonly name: string;
}

export interface ResourceTemplate extends JsonObject {
  readonly uriTemplate: string;
  readonly name: string;
}

export interface Prompt extends JsonObject {
  readonly name: string;
}

export type ToolEvent =
  | ({ readonly type: 'progress' } & Progress)
  | { readonly type: 'log'; readonly level: string; readonly logger: string | undefined; readonly data: unknown }
  /** Another notification of the server. */
  | { readonly type: 'notification'; readonly method: string; readonly params: Readonly<JsonObject> }
  /** The last one. */
  | { readonly type: 'result'; readonly result: ToolResult };

export interface ServerNotification {
  readonly method: string;
  readonly params: Readonly<JsonObject>;
}

/** What a client shares with its sessions. */
export interface Core {
  readonly settings: Settings;
  readonly surroundings: Surroundings;
  readonly wire: Wire;
  /** Tool name → marked arguments, as the last listing had them. */
  readonly marks: Map<string, readonly ParamMark[]>;
}

const TOOLS_CALL = 'tools/call';
const PAGES_MAX = 1_000;
const MS_PER_SECOND = 1000;

interface Asked {
  readonly method: string;
  readonly name?: string;
  readonly params?: Readonly<JsonObject>;
  readonly options: CallOptions;
  readonly wantsProgress?: boolean;
}

export abstract class Operations {
  /** Opens what the question needs, and says how it is carried. */
  protected abstract channel(signal: AbortSignal): Promise<Channel>;
  protected abstract get core(): Core;
  /** Whether the question may be asked again, because the channel that it failed on is made anew. */
  protected abstract renew(error: unknown, failed: Channel): boolean;

  async callTool(name: string, args: Readonly<Record<string, unknown>> = {}, options: CallOptions = {}): Promise<ToolResult> {
    return resultOf(this.#call(name, args, options, options.onProgress !== undefined));
  }

  /** Progress and log messages as they come, the result last. The tool server is read no faster than this is; leaving it early cancels the call. */
  async *streamTool(name: string, args: Readonly<Record<string, unknown>> = {}, options: CallOptions = {}): AsyncGenerator<ToolEvent, void, undefined> {
    yield { type: 'result', result: yield* this.#call(name, args, options, true) };
  }

  async listTools(options: RequestOptions = {}): Promise<Tool[]> {
    const tools = (await this.#list('tools/list', 'tools', options)).filter((tool): tool is Tool => typeof tool['name'] === 'string');
    this.core.marks.clear();
    for (const { name, inputSchema } of tools) this.core.marks.set(name, marksOf(inputSchema));
    return tools;
  }

  async listResources(options: RequestOptions = {}): Promise<Resource[]> {
    return await this.#list('resources/list', 'resources', options) as Resource[];
  }

  async listResourceTemplates(options: RequestOptions = {}): Promise<ResourceTemplate[]> {
    return await this.#list('resources/templates/list', 'resourceTemplates', options) as ResourceTemplate[];
  }

  /** The result of resources/read: `contents`. */
  async readResource(uri: string, options: CallOptions = {}): Promise<JsonObject> {
    return (await this.#ask({ method: 'resources/read', name: uri, params: { uri, ...inputOf(options) }, options })).result;
  }

  async listPrompts(options: RequestOptions = {}): Promise<Prompt[]> {
    return await this.#list('prompts/list', 'prompts', options) as Prompt[];
  }

  /** The result of prompts/get: `messages`. */
  async getPrompt(name: string, args: Readonly<Record<string, string>> = {}, options: CallOptions = {}): Promise<JsonObject> {
    return (await this.#ask({ method: 'prompts/get', name, params: { name, arguments: args, ...inputOf(options) }, options })).result;
  }

  /** Any other method; its result as it came. */
  async request(method: string, params: Readonly<JsonObject> = {}, options: RequestOptions = {}): Promise<JsonObject> {
    const { _meta: meta, ...members } = params;
    return (await this.#ask({ method, name: nameOf(method, params), params: members, options: { ...options, meta: { ...objectOf(meta), ...options.meta } } })).result;
  }

  /**
   * What the servers say by themselves (subscriptions/listen of 2026-07-28), until the stream ends or is left. `notifications` as in the specification, such as
   * `{ toolsListChanged: true }`. The first one, notifications/subscriptions/acknowledged, says what will be told; the time-out is for it alone.
   */
  async *listen(notifications: Readonly<JsonObject>, options: Pick<RequestOptions, 'timeout' | 'signal' | 'meta'> = {}): AsyncGenerator<ServerNotification, void, undefined> {
    const { settings, surroundings } = this.core;
    checkCallOptions(options);
    const first = new Deadline(seconds('timeout', options.timeout ?? settings.timeout), options.signal, surroundings);
    const messages = this.#retried(this.#question({ method: 'subscriptions/listen', params: { notifications }, options }), options, first);
    try {
      yield* mapped(messages, (message) => {
        first.stopClock();
        return { method: textOf(message['method']) ?? '', params: objectOf(message['params']) };
      });
    } finally {
      first.end();
    }
  }

  async #list(method: string, member: string, options: RequestOptions): Promise<JsonObject[]> {
    const found: JsonObject[] = [];
    const { settings, surroundings } = this.core;
    const endMs = surroundings.monotonicMs() + seconds('timeout', options.timeout ?? settings.timeout) * MS_PER_SECOND;
    let cursor: string | undefined;
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const { result, traceId } = await this.#ask({ method, params: cursor === undefined ? {} : { cursor }, options: page === 0 ? options : { ...options, timeout: secondsTo(endMs - surroundings.monotonicMs()) } });
      if (!Array.isArray(result[member])) throw new TransportError(`The answer to ${method} has no list of ${member}.`, { kind: 'answer', mayHaveRun: true, traceId });
      found.push(...listOf(result[member]).filter(isObject));
      cursor = textOf(result['nextCursor']);
      if (cursor === undefined) return found;
    }
    throw new TransportError(`${method} has more than ${PAGES_MAX} pages.`, { kind: 'answer', mayHaveRun: true });
  }

  async *#call(name: string, args: Readonly<Record<string, unknown>>, options: CallOptions, wantsProgress: boolean): AsyncGenerator<Exclude<ToolEvent, { type: 'result' }>, ToolResult, undefined> {
    const messages = this.#decided({ method: TOOLS_CALL, name, params: { name, arguments: args, ...inputOf(options) }, options, wantsProgress });
    const { result, traceId } = yield* mapped(messages, (message) => {
      const event = eventOf(message);
      if (event.type === 'progress') options.onProgress?.({ progress: event.progress, total: event.total, message: event.message });
      return event;
    });
    if (result['content'] !== undefined && !Array.isArray(result['content'])) throw new TransportError('The tool\'s answer has content that is no list.', { kind: 'answer', mayHaveRun: true, traceId });
    return new ToolResult(result, traceId);
  }

  #ask(asked: Asked): Promise<Answer> {
    return resultOf(this.#decided(asked));
  }

  /** Until it is answered, or a person has decided: each of these rounds has the whole time of a call. */
  async *#decided(asked: Asked): AsyncGenerator<JsonObject, Answer, undefined> {
    const { settings, surroundings } = this.core;
    const { options } = asked;
    checkCallOptions(options);
    const question = this.#question(asked);
    const approvalS = secondsOrNone('waitForApproval', options.waitForApproval ?? settings.waitForApproval);
    const approval = approvalS === 0 ? undefined : new ApprovalWait(approvalS, options.onApprovalRequested ?? settings.onApprovalRequested, surroundings);
    for (;;) {
      const deadline = new Deadline(seconds('timeout', options.timeout ?? settings.timeout), options.signal, surroundings);
      try {
        return yield* this.#retried(question, options, deadline);
      } catch (error) {
        deadline.end();
        if (approval === undefined) throw error;
        await approval.after(error, options.signal ?? NEVER);
      } finally {
        deadline.end();
      }
    }
  }

  #retried(question: Question, { idempotent = false }: RequestOptions, deadline: Deadline): AsyncGenerator<JsonObject, Answer, undefined> {
    return askWithRetries(this.core, question, { idempotent, deadline, channel: () => this.channel(deadline.signal), repair: async (error, failed) => this.renew(error, failed) || this.#learnMarks(question, error, deadline) });
  }

  /** The marks were not known, or no longer right: nothing has run. */
  async #learnMarks({ method }: Question, error: unknown, deadline: Deadline): Promise<boolean> {
    if (method !== TOOLS_CALL || !isHeaderMismatch(error)) return false;
    await this.listTools({ timeout: secondsTo(deadline.leftMs()), signal: deadline.signal });
    return true;
  }

  #question({ method, name = '', params = {}, options, wantsProgress = false }: Asked): Question {
    const members = Object.entries(params).filter(([, value]) => value !== undefined).map(([member, value]) => [member, jsonOf(value)] as const);
    return { method, name, members, meta: parsedMeta(options.meta), wantsProgress, headers: () => this.#paramHeaders(method, name, members) };
  }

  #paramHeaders(method: string, name: string, members: Question['members']): Readonly<Record<string, string>> {
    const marks = method === TOOLS_CALL ? this.core.marks.get(name) ?? [] : [];
    if (marks.length === 0) return {};
    return paramHeaders(marks, parseJson(members.find(([member]) => member === 'arguments')?.[1] ?? '')); // as they are on the wire
  }
}

const NEVER = new AbortController().signal;

/** What is left of a call's time; never none, which is no time-out. */
function secondsTo(leftMs: number): number {
  return Math.max(leftMs, 1) / MS_PER_SECOND;
}

function inputOf({ inputResponses, requestState }: CallOptions): JsonObject {
  return { inputResponses, requestState };
}

/** What Mcp-Name repeats, of the methods that have it. */
function nameOf(method: string, params: Readonly<JsonObject>): string {
  const name = method === 'resources/read' ? params['uri'] : method === TOOLS_CALL || method === 'prompts/get' ? params['name'] : undefined;
  return textOf(name) ?? '';
}

/** What JSON.stringify says of a value that it cannot write may quote it. */
function jsonOf(value: unknown): string {
  try {
    const json = JSON.stringify(value) as string | undefined;
    if (json !== undefined) return json;
  } catch {
    // Said below.
  }
  throw new ConfigurationError('What was given cannot be written as JSON.');
}

function parsedMeta(meta: Readonly<JsonObject> | undefined): JsonObject {
  return meta === undefined ? {} : objectOf(parseJson(jsonOf(meta)));
}

function isHeaderMismatch(error: unknown): boolean {
  return (error instanceof GatewayError || error instanceof ProtocolError) && error.rpcCode === RPC.headerMismatch;
}

function eventOf(message: JsonObject): Exclude<ToolEvent, { type: 'result' }> {
  const params = objectOf(message['params']);
  const method = textOf(message['method']) ?? '';
  switch (method) {
    case 'notifications/progress': return { type: 'progress', progress: numberOf(params['progress']) ?? 0, total: numberOf(params['total']), message: textOf(params['message']) };
    case 'notifications/message': return { type: 'log', level: textOf(params['level']) ?? 'info', logger: textOf(params['logger']), data: params['data'] };
    default: return { type: 'notification', method, params };
  }
}
