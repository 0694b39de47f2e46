// tools/list, prompts/list, resources/list, resources/templates/list and tasks/list: the union over all tool servers that offer them, each asked in the
// caller's name, filtered for the caller, scanned, answered whole.
import type { Context } from '../chain/context.js';
import type { Exchange } from '../chain/exchange.js';
import { deny, type Deny } from '../chain/verdict.js';
import { parseToolsListInTurns } from '../engines/registry/served-tools.js';
import type { ServedTool } from '../engines/registry/types.js';
import { readListPage, renderListAnswer, type ListedItem, type ListMember } from '../mcp/lists.js';
import { filterTools } from '../response/01-tool-list-filter.js';
import { ItemListFilter } from '../response/01-item-list-filter.js';
import { AskRefused } from './ask.js';
import { isOwnSession } from './legs.js';
import { capabilityOf, neverSeen, serversOffering } from './offering.js';
import { refuseNotOffered } from './protocol-refusal.js';
import { answerScreened, screenOwn } from './own-answer.js';
import { ServerAsker, wordOf, type ListPageOf } from './server-asker.js';
import type { TerminalServices } from './services.js';

const LIST_TTL_MS = 0; // filtered for one caller and checked at every serving: not to be kept

const LISTS: ReadonlyMap<string, ListMember> = new Map([
  ['tools/list', 'tools'], ['prompts/list', 'prompts'], ['resources/list', 'resources'], ['resources/templates/list', 'resourceTemplates'], ['tasks/list', 'tasks'],
]);
/** What is left out, by reason, under its own name: never which. */
const HIDDEN_KEYS: Readonly<Record<ListMember, string>> = {
  tools: 'precinct/hiddenTools', prompts: 'precinct/hiddenPrompts', resources: 'precinct/hiddenResources', resourceTemplates: 'precinct/hiddenResourceTemplates', tasks: 'precinct/hiddenTasks',
};

export function listMemberOf(method: string): ListMember | undefined {
  return LISTS.get(method);
}

export function answerList(exchange: Exchange, member: ListMember, services: TerminalServices): void {
  const { ctx } = exchange;
  const method = ctx.call?.method ?? '';
  const servers = member === 'tools' ? ctx.snapshot.registry.upstreams : serversOffering(ctx, capabilityOf(method), services);
  if (servers.length === 0 && member !== 'tools') {
    refuseNotOffered(exchange);
    return;
  }
  ctx.inbound.retain();
  exchange.beforeWire(() => {
    gather(ctx, { member, method, servers }, services).then(
      (gathered) => exchange.guard(() => finish(exchange, member, gathered, services)),
      () => exchange.refuse(deny('gateway_fault')),
    );
  });
}

interface Asked {
  readonly member: ListMember;
  readonly method: string;
  readonly servers: readonly string[];
}

interface Gathered {
  /** Of each server that was asked, in their order. */
  readonly texts: readonly (readonly string[])[];
  readonly hidden: Readonly<Record<string, number>>;
  readonly failed: readonly Deny[];
  /** Failed ones, and those that could not be asked. */
  readonly down: number;
  /** Servers that have no such method after all. */
  readonly without: number;
  readonly servers: number;
  readonly asEvents: boolean;
}

/** What of one server's list this caller may see. */
interface Shown {
  readonly texts: readonly string[];
  readonly hidden: Readonly<Record<string, number>>;
}

async function gather(ctx: Context, asked: Asked, services: TerminalServices): Promise<Gathered> {
  const { servers, member } = asked;
  const asker = new ServerAsker(ctx, services);
  // Filters keep what they have seen: they are asked in the registry's order, whoever answered first.
  const results = await Promise.allSettled(member === 'tools' ? servers.map((url) => listTools(ctx, asker, url, services)) : listItems(ctx, asker, asked, services));
  const texts: (readonly string[])[] = [];
  const hidden: Record<string, number> = {};
  const failed: Deny[] = [];
  let without = 0;
  for (const result of results) {
    if (result.status === 'rejected') {
      failed.push(result.reason instanceof AskRefused ? result.reason.refusal : deny('mcp_invalid_response', { reasonCode: wordOf(asked.method) }));
      continue;
    }
    const shown = result.value?.();
    if (shown === undefined) without += 1;
    texts.push(shown?.texts ?? []);
    for (const [reason, count] of Object.entries(shown?.hidden ?? {})) hidden[reason] = (hidden[reason] ?? 0) + count;
  }
  const unseen = neverSeen(ctx, servers, services);
  return { texts, hidden, failed, down: failed.length + unseen, without, servers: servers.length + unseen, asEvents: asker.answeredByEvents };
}

/** The filter of what came, to be asked in turn; undefined = the server has no such method. */
type Filtering = (() => Shown) | undefined;

async function listTools(ctx: Context, asker: ServerAsker, url: string, services: TerminalServices): Promise<Filtering> {
  let unregistered = 0;
  const isWanted = (name: string): boolean => ctx.snapshot.registry.served(url, name) !== undefined;
  const read = async (bytes: Uint8Array): Promise<ListPageOf<ServedTool>> => {
    const { tools, nextCursor, unwanted } = await parseToolsListInTurns(bytes, { cache: services.toolCache, isWanted });
    unregistered += unwanted;
    return { items: tools, nextCursor };
  };
  const served = await asker.list(url, { method: 'tools/list', read }) ?? [];
  return () => {
    const { texts, hidden } = filterTools(ctx, url, served, (tool, now) => services.tools.presentable(tool, now));
    return { texts, hidden: { ...hidden, unregistered: hidden.unregistered + unregistered } };
  };
}

function listItems(ctx: Context, asker: ServerAsker, { member, method, servers }: Asked, services: TerminalServices): Promise<Filtering>[] {
  const filter = new ItemListFilter(ctx, member);
  const show = (url: string, items: readonly ListedItem[]): Shown => {
    const { shown, hidden } = filter.take(url, items);
    if (member === 'prompts' || member === 'resources') for (const { name } of shown) services.routes.learn(member, name, url, ctx.nowMs);
    if (member === 'tasks') return { texts: ownTasks(ctx, url, shown, services).map(({ text }) => text), hidden };
    return { texts: shown.map(({ text }) => text), hidden };
  };
  return servers.map(async (url) => {
    const items = await asker.list(url, { method, read: (bytes) => readListPage(bytes, member) });
    return items === undefined ? undefined : () => show(url, items);
  });
}

/** A server that others share lists others' tasks. */
function ownTasks(ctx: Context, url: string, listed: readonly ListedItem[], services: TerminalServices): readonly ListedItem[] {
  const leg = services.legs.known(ctx, url);
  if (leg === undefined || !isOwnSession(ctx, leg)) return listed.filter(({ name }) => services.taskOwners.find(ctx, name, [url]) !== undefined);
  for (const { name } of listed) services.taskOwners.learn(ctx, name, url);
  return listed;
}

function finish(exchange: Exchange, member: ListMember, gathered: Gathered, services: TerminalServices): void {
  const { ctx } = exchange;
  const [failure] = gathered.failed;
  if (failure !== undefined && gathered.down + gathered.without === gathered.servers) {
    exchange.refuse(failure);
    return;
  }
  if (gathered.without > 0 && gathered.without + gathered.down === gathered.servers) {
    refuseNotOffered(exchange);
    return;
  }
  noteHidden(ctx, gathered);
  const render = (shown: Gathered): string => renderListAnswer({
    idText: ctx.call?.idText ?? 'null', era: ctx.call?.era ?? 'legacy', member, items: shown.texts.flat(), metaText: hiddenMeta(member, shown), ttlMs: LIST_TTL_MS,
  });
  const without = async (): Promise<string | undefined> => {
    const rest = await withoutBlocked(exchange, gathered, services);
    if (rest === undefined) return undefined;
    noteHidden(ctx, rest);
    return render(rest);
  };
  answerScreened(exchange, services, { text: render(gathered), without, asEvents: gathered.asEvents });
}

/** Without the items of servers whose words may not pass: they must not keep callers from all others. Undefined: nothing would be left. */
async function withoutBlocked(exchange: Exchange, gathered: Gathered, services: TerminalServices): Promise<Gathered | undefined> {
  const screened = await Promise.all(gathered.texts.map((texts) => Promise.resolve(screenOwn(exchange, services, `{"items":[${texts.join(',')}]}`))));
  const texts = gathered.texts.map((items, i) => (screened[i]?.kind === 'release' ? items : []));
  const [before, after] = [gathered.texts.flat().length, texts.flat().length];
  return after === 0 || after === before ? undefined : { ...gathered, texts, hidden: { ...gathered.hidden, blocked: before - after } };
}

/** Says that something is left out, so that nobody takes an access problem for an empty server; never what. */
function hiddenMeta(member: ListMember, { hidden, down }: Gathered): string | undefined {
  const isHidden = Object.values(hidden).some((count) => count > 0);
  if (!isHidden && down === 0) return undefined;
  return JSON.stringify({ [HIDDEN_KEYS[member]]: hidden, ...(down === 0 ? {} : { 'precinct/upstreamsDown': down }) });
}

/** The same for the record. */
function noteHidden(ctx: Context, { hidden, down, servers }: Gathered): void {
  const counts = Object.entries(hidden).filter(([, count]) => count > 0).map(([reason, count]) => `${count} ${reason}`);
  const parts = [...(counts.length === 0 ? [] : [`hidden: ${counts.join(', ')}`]), ...(down === 0 ? [] : [`servers down: ${down} of ${servers}`])];
  if (parts.length > 0) ctx.note(5, parts.join('; '));
}
