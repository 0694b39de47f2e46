// Questions to tool servers in one caller's name: in the session that this caller has with each, and whole lists of what a server offers.
import { memberAt, memberOf, textAt } from '../base/json/members.js';
import type { Context } from '../chain/context.js';
import { deny } from '../chain/verdict.js';
import { isSse } from '../mcp/media-types.js';
import { METHOD_NOT_FOUND } from '../mcp/rpc-codes.js';
import { ask, AskRefused, type Answer, type Asker } from './ask.js';
import { HTTP_OK, limitsOf, listLimitsOf, SESSION_LOST } from './answers.js';
import { metaFor } from './client-facts.js';
import type { Leg, TerminalServices } from './services.js';
import { openLeg } from './tell-server.js';

const PAGES_MAX = 100; // a server that pages for ever must not hold the caller for ever
const LIST_BYTES_MAX = 32 * 1024 * 1024; // all pages together

export interface ListPageOf<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | undefined;
}

/** One list method. */
export interface ListMethod<Item> {
  readonly method: string;
  /** Undefined: the answer has no such list. May reject for one that can't be read. */
  readonly read: (bytes: Uint8Array) => Promise<ListPageOf<Item> | undefined>;
}

export class ServerAsker {
  readonly #ctx: Context;
  readonly #services: TerminalServices;
  readonly #asker: Asker;
  /** A modern request names its version and capabilities in `_meta`; it travels with every question. */
  readonly #meta: string;
  #answeredByEvents = false;

  constructor(ctx: Context, services: TerminalServices) {
    this.#ctx = ctx;
    this.#services = services;
    this.#asker = { client: services.client, guard: services.jsonGuard, limits: limitsOf(ctx.snapshot.config), answerBytesMax: ctx.snapshot.config.upstream.answer_bytes_max };
    ctx.inbound.retain();
    this.#meta = textAt(ctx.inbound.body, memberAt(ctx.inbound.body, ['params', '_meta'])) ?? '';
  }

  /** Some server answered with a stream: then a client that reads one may be answered alike. */
  get answeredByEvents(): boolean {
    return this.#answeredByEvents;
  }

  /** All pages; undefined = the server has no such method. Rejects with AskRefused, or with what `read` rejects with. */
  list<Item>(url: string, { method, read }: ListMethod<Item>): Promise<readonly Item[] | undefined> {
    return this.#within(async () => {
      const items: Item[] = [];
      let cursor: string | undefined;
      let bytes = 0;
      for (let page = 0; page < PAGES_MAX; page++) {
        const answer = await this.#ask(url, method, cursor === undefined ? [] : [`"cursor":${JSON.stringify(cursor)}`], page === 0);
        const listed = await read(answer.bytes);
        if (listed === undefined) return this.#refusedList(answer.bytes, method);
        bytes += answer.bytes.length;
        if (bytes > LIST_BYTES_MAX) throw invalid('list_too_large');
        items.push(...listed.items);
        if (listed.nextCursor === undefined) return items;
        cursor = listed.nextCursor;
      }
      throw invalid('too_many_pages');
    }, method);
  }

  /** One question; `members`: raw JSON members of its params, without `_meta`. Rejects with AskRefused. */
  ask(url: string, method: string, members: readonly string[]): Promise<Answer> {
    return this.#within(() => this.#ask(url, method, members, true), method);
  }

  async #ask(url: string, method: string, members: readonly string[], mayRenew: boolean): Promise<Answer> {
    const leg = await openLeg(this.#services, this.#ctx, url);
    try {
      return await this.#post(leg, method, members);
    } catch (cause) {
      if (!mayRenew || !leg.sessionBound || !(cause instanceof AskRefused) || !SESSION_LOST.has(cause.status)) throw cause;
      this.#services.legs.forget(this.#ctx, leg);
      return await this.#post(await openLeg(this.#services, this.#ctx, url), method, members);
    }
  }

  async #post(leg: Leg, method: string, members: readonly string[]): Promise<Answer> {
    const { upstream, registry } = this.#ctx.snapshot.config;
    const timeoutMs = Math.min(registry.list_timeout_ms, upstream.answer_timeout_ms);
    const meta = metaFor(this.#ctx, leg, this.#meta, this.#services.version);
    const params = [...(meta === '' ? [] : [`"_meta":${meta}`]), ...members].join(',');
    const body = Buffer.from(`{"jsonrpc":"2.0","id":${this.#services.nextId()},"method":"${method}","params":{${params}}}`);
    const limits = method.endsWith('/list') ? listLimitsOf(this.#ctx.snapshot.config) : this.#asker.limits;
    const answer = await ask({ ...this.#asker, limits }, { url: leg.url, httpMethod: 'POST', headers: headersFor(leg, method), body, answerTimeoutMs: timeoutMs, idleTimeoutMs: Math.min(timeoutMs, upstream.idle_timeout_ms) });
    if (isSse(answer.headers['content-type'] ?? '')) this.#answeredByEvents = true;
    // A lost session is told with 404, with a JSON-RPC error in the body or without.
    if (answer.status !== HTTP_OK && !saysNoMethod(answer)) throw new AskRefused(deny('mcp_request_failed', { reasonCode: wordOf(method), details: { upstream_status: answer.status } }), answer.status);
    return answer;
  }

  #refusedList(bytes: Uint8Array, method: string): undefined {
    const code = errorCodeOf(bytes);
    if (code === METHOD_NOT_FOUND) return undefined;
    throw code === undefined ? invalid(wordOf(method)) : new AskRefused(deny('mcp_request_failed', { reasonCode: wordOf(method), details: { rpc_code: code } }), HTTP_OK);
  }

  /** One server that hangs, or sends a byte now and then, must not hold up the others. */
  #within<T>(work: () => Promise<T>, method: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const stop = this.#services.every(this.#ctx.snapshot.config.registry.list_timeout_ms, () => {
        stop();
        reject(new AskRefused(deny('mcp_timeout', { reasonCode: wordOf(method) }), 0));
      });
      void work().then(resolve, reject).finally(() => stop());
    });
  }
}

/** The JSON-RPC code of an error answer; undefined = it is none. */
export function errorCodeOf(bytes: Uint8Array): number | undefined {
  const error = memberAt(bytes, ['error']);
  if (error === undefined) return undefined;
  const code: unknown = JSON.parse(textAt(bytes, memberOf(bytes, error, 'code')) ?? 'null');
  return typeof code === 'number' ? code : 0;
}

/** 2026-07-28 tells it with 404; of a server with sessions that status means a lost one, unless it says this. */
function saysNoMethod(answer: Answer): boolean {
  return errorCodeOf(answer.bytes) === METHOD_NOT_FOUND;
}

/** The mirrors say what this question says, not what the caller's message said. */
function headersFor(leg: Leg, method: string): Readonly<Record<string, string>> {
  if (leg.headers['mcp-method'] === undefined) return leg.headers;
  const { 'mcp-name': _name, ...headers } = leg.headers;
  return { ...headers, 'mcp-method': method };
}

function invalid(reasonCode: string): AskRefused {
  return new AskRefused(deny('mcp_invalid_response', { reasonCode }), 0);
}

export function wordOf(method: string): string {
  return method.replaceAll('/', '_');
}
