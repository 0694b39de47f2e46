// prompts/get, resources/read, (un)subscribe and completion/complete: to the server that the registry names, else to the one that lists what is asked for.
import type { Context } from '../chain/context.js';
import type { Exchange } from '../chain/exchange.js';
import { deny, type Deny } from '../chain/verdict.js';
import { findRegistered } from '../engines/registry/find-registered.js';
import { parseUriTemplate } from '../engines/registry/uri-template.js';
import { readListPage, type ListedItem, type ListMember } from '../mcp/lists.js';
import { subjectOf } from '../mcp/methods.js';
import { AskRefused } from './ask.js';
import { forwardCall } from './call.js';
import { capabilityOf, neverSeen, serversOffering } from './offering.js';
import { invalidParams, refuseNotOffered } from './protocol-refusal.js';
import type { RouteKind } from './routes.js';
import { ServerAsker } from './server-asker.js';
import type { TerminalServices } from './services.js';

const MS_PER_SECOND = 1000;

export function forwardNamed(exchange: Exchange, services: TerminalServices): void {
  const { ctx } = exchange;
  const { call, snapshot } = ctx;
  if (call === undefined) throw new TypeError('a passed chain has a call');
  const sought = findRegistered(snapshot.registry, call);
  if (sought.kind === 'registered') return forwardCall(exchange, sought.registered.upstream, services);
  const servers = serversOffering(ctx, capabilityOf(call.method), services);
  const [first] = servers;
  if (first === undefined) return refuseNotOffered(exchange);
  const kind: RouteKind = call.name === '' ? 'resources' : 'prompts';
  const known = servers.length === 1 ? first : services.routes.find(kind, subjectOf(call), ctx.nowMs - snapshot.config.registry.verify_max_age_s * MS_PER_SECOND);
  if (known !== undefined && servers.includes(known)) return forwardCall(exchange, known, services);
  find(ctx, servers, services).then(
    (found) => exchange.guard(() => {
      if (typeof found !== 'string') {
        exchange.refuse(found);
        return;
      }
      services.routes.learn(kind, subjectOf(call), found, ctx.nowMs);
      forwardCall(exchange, found, services);
    }),
    (fault: unknown) => exchange.fault(fault),
  );
}

/** What one server lists; the refusal where it could not be asked. */
interface Listed {
  readonly url: string;
  readonly items: readonly ListedItem[];
  readonly templates: readonly ListedItem[];
  readonly failure: Deny | undefined;
}

/** The first server that lists it; of resources, else the first one with a template that gives it. */
async function find(ctx: Context, servers: readonly string[], services: TerminalServices): Promise<string | Deny> {
  const { call } = ctx;
  const subject = call === undefined ? '' : subjectOf(call);
  const isPrompt = call?.name !== '';
  const asker = new ServerAsker(ctx, services);
  const listed = await Promise.all(servers.map((url) => listOf(asker, url, isPrompt)));
  const exact = listed.find(({ items, templates }) => items.some(({ name }) => name === subject) || templates.some(({ name }) => name === subject));
  const found = exact ?? listed.find(({ templates }) => templates.some(({ name }) => parseUriTemplate(name)?.matches(subject) === true));
  if (found !== undefined) return found.url;
  const failure = listed.find((one) => one.failure !== undefined)?.failure;
  if (failure !== undefined) return failure;
  return neverSeen(ctx, servers, services) > 0 ? deny('mcp_transport_failed', { reasonCode: 'not_connected' }) : unknown(ctx, isPrompt);
}

async function listOf(asker: ServerAsker, url: string, isPrompt: boolean): Promise<Listed> {
  const list = async (method: string, member: ListMember): Promise<readonly ListedItem[]> => await asker.list(url, { method, read: (bytes) => readListPage(bytes, member) }) ?? [];
  try {
    if (isPrompt) return { url, items: await list('prompts/list', 'prompts'), templates: [], failure: undefined };
    const [items, templates] = await Promise.all([list('resources/list', 'resources'), list('resources/templates/list', 'resourceTemplates')]);
    return { url, items, templates, failure: undefined };
  } catch (cause) {
    return { url, items: [], templates: [], failure: cause instanceof AskRefused ? cause.refusal : deny('mcp_invalid_response', { reasonCode: 'list' }) };
  }
}

function unknown(ctx: Context, isPrompt: boolean): Deny {
  const what = isPrompt ? 'prompt' : 'resource';
  return invalidParams(ctx, `${what}_unknown`, `No tool server lists this ${what}.`, `See ${isPrompt ? 'prompts/list' : 'resources/list and resources/templates/list'} for what there is.`);
}
