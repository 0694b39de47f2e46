// tools/list: the union over all tool servers, each asked in the caller's name, filtered for the caller, scanned, answered whole.
import { GUARD_OUT_LENGTH, SLOT } from '../base/json/types.js';
import type { Context } from '../chain/context.js';
import type { Exchange } from '../chain/exchange.js';
import { deny } from '../chain/verdict.js';
import { parseToolsList } from '../engines/registry/served-tools.js';
import type { ServedTool } from '../engines/registry/types.js';
import { renderListAnswer } from '../mcp/lists.js';
import { filterTools, type ListedTools } from '../response/01-tool-list-filter.js';
import { ask, AskRefused, type Answer, type Asker } from './ask.js';
import { HTTP_OK, limitsOf, SESSION_LOST } from './answers.js';
import { answerScreened } from './own-answer.js';
import type { Leg, TerminalServices } from './services.js';

const PAGES_MAX = 100; // a server that pages for ever must not hold the caller for ever
const LIST_TTL_MS = 0; // filtered for one caller and checked at every serving: not to be kept

export function answerList(exchange: Exchange, services: TerminalServices): void {
  exchange.ctx.inbound.retain();
  exchange.beforeWire(() => {
    gather(exchange.ctx, services).then(
      (answer) => exchange.guard(() => finish(exchange, services, answer)),
      () => exchange.refuse(deny('gateway_fault')),
    );
  });
}

interface Gathered {
  readonly texts: readonly string[];
  readonly hidden: ListedTools['hidden'];
  readonly failed: readonly AskRefused[];
  readonly upstreams: number;
}

async function gather(ctx: Context, services: TerminalServices): Promise<Gathered> {
  const urls = ctx.snapshot.registry.upstreams;
  const meta = metaText(ctx, services);
  const { list_timeout_ms: timeoutMs } = ctx.snapshot.config.registry;
  const results = await Promise.allSettled(urls.map((url) => within(timeoutMs, listOne(ctx, url, meta, services), services)));
  const texts: string[] = [];
  const hidden = { unregistered: 0, changed: 0, forbidden: 0 };
  const failed: AskRefused[] = [];
  results.forEach((result, i) => {
    if (result.status === 'rejected') {
      failed.push(result.reason instanceof AskRefused ? result.reason : new AskRefused(deny('mcp_invalid_response', { reasonCode: 'tools_list' }), 0));
      return;
    }
    const listed = filterTools(ctx, urls[i] ?? '', result.value, (tool, served) => services.tools.presentable(tool, served));
    texts.push(...listed.texts);
    hidden.unregistered += listed.hidden.unregistered;
    hidden.changed += listed.hidden.changed;
    hidden.forbidden += listed.hidden.forbidden;
  });
  return { texts, hidden, failed, upstreams: urls.length };
}

function finish(exchange: Exchange, services: TerminalServices, gathered: Gathered): void {
  const { ctx } = exchange;
  const only = gathered.failed[0];
  if (only !== undefined && gathered.failed.length === gathered.upstreams) {
    exchange.refuse(only.refusal);
    return;
  }
  const text = renderListAnswer({
    idText: ctx.call?.idText ?? 'null', era: ctx.call?.era ?? 'legacy', member: 'tools', items: gathered.texts, metaText: hiddenMeta(gathered), ttlMs: LIST_TTL_MS,
  });
  answerScreened(exchange, services, { text });
}

/** Says that something is left out, so that nobody takes an access problem for an empty server; never what. */
function hiddenMeta(gathered: Gathered): string | undefined {
  const { unregistered, changed, forbidden } = gathered.hidden;
  if (unregistered + changed + forbidden + gathered.failed.length === 0) return undefined;
  return JSON.stringify({ 'precinct/hiddenTools': { unregistered, changed, forbidden }, ...(gathered.failed.length === 0 ? {} : { 'precinct/upstreamsDown': gathered.failed.length }) });
}

/** One server that hangs, or sends a byte now and then, must not hold up the list of all. */
function within(timeoutMs: number, listing: Promise<ServedTool[]>, services: TerminalServices): Promise<ServedTool[]> {
  return new Promise((resolve, reject) => {
    const stop = services.every(timeoutMs, () => {
      stop();
      reject(new AskRefused(deny('mcp_timeout', { reasonCode: 'tools_list' }), 0));
    });
    void listing.then(resolve, reject).finally(() => stop());
  });
}

async function listOne(ctx: Context, url: string, meta: string, services: TerminalServices): Promise<ServedTool[]> {
  let leg = await openLeg(ctx, url, services);
  const tools: ServedTool[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    let answer;
    try {
      answer = await askPage(ctx, leg, meta, cursor, services);
    } catch (cause) {
      if (!(cause instanceof AskRefused) || !SESSION_LOST.has(cause.status) || !leg.sessionBound || page > 0) throw cause;
      services.legs.forget(ctx, leg);
      leg = await openLeg(ctx, url, services);
      answer = await askPage(ctx, leg, meta, cursor, services);
    }
    const listed = parseToolsList(answer.bytes, services.toolCache);
    tools.push(...listed.tools);
    if (listed.nextCursor === undefined) return tools;
    cursor = listed.nextCursor;
  }
  throw new AskRefused(deny('mcp_invalid_response', { reasonCode: 'too_many_pages' }), 0);
}

async function askPage(ctx: Context, leg: Leg, meta: string, cursor: string | undefined, services: TerminalServices): Promise<Answer> {
  const { upstream, registry } = ctx.snapshot.config;
  const timeoutMs = Math.min(registry.list_timeout_ms, upstream.answer_timeout_ms);
  const asker: Asker = { client: services.client, guard: services.jsonGuard, limits: limitsOf(ctx.snapshot.config), answerBytesMax: upstream.answer_bytes_max };
  const params = [meta === '' ? '' : `"_meta":${meta}`, cursor === undefined ? '' : `"cursor":${JSON.stringify(cursor)}`].filter((part) => part !== '');
  const body = Buffer.from(`{"jsonrpc":"2.0","id":${services.nextId()},"method":"tools/list","params":{${params.join(',')}}}`);
  const answer = await ask(asker, { url: leg.url, httpMethod: 'POST', headers: leg.headers, body, answerTimeoutMs: timeoutMs, idleTimeoutMs: Math.min(timeoutMs, upstream.idle_timeout_ms) });
  // A lost session is told with 404, with a JSON-RPC error in the body or without.
  if (answer.status !== HTTP_OK) throw new AskRefused(deny('mcp_request_failed', { reasonCode: 'tools_list', details: { upstream_status: answer.status } }), answer.status);
  return answer;
}

function openLeg(ctx: Context, url: string, services: TerminalServices): Promise<Leg> {
  return new Promise((resolve, reject) => services.legs.open(ctx, url, resolve, (refusal) => reject(new AskRefused(refusal, 0))));
}

/** A modern request names its version and capabilities in `_meta`; it travels with every page. */
function metaText(ctx: Context, services: TerminalServices): string {
  const { body } = ctx.inbound;
  const out = new Uint32Array(GUARD_OUT_LENGTH);
  services.jsonGuard.check(body, limitsOf(ctx.snapshot.config), out);
  const from = out[SLOT.meta * 2] ?? 0;
  const to = out[SLOT.meta * 2 + 1] ?? 0;
  return to > from ? Buffer.from(body.buffer, body.byteOffset + from, to - from).toString('utf8') : '';
}
