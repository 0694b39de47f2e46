// Under which names agents will know the imported tools: their own, or with their server's prefix where another server has one of them.
import type { RegisteredTool, ServedTool, ToolRegistry } from '../../engines/registry/types.js';
import { CliFailure } from '../failure.js';
import { printable } from '../terminal.js';
import type { AskedServer } from './ask-servers.js';

export interface NamedTool {
  readonly tool: ServedTool;
  /** As agents know it. */
  readonly name: string;
  /** new: to be registered. registered: it is, as served. changed: it is, with another hash, and stays as it is. */
  readonly state: 'new' | 'registered' | 'changed';
}

export interface NamedServer extends AskedServer {
  /** Before the names of all its tools; '' = none. */
  readonly prefix: string;
  readonly isPrefixNew: boolean;
  readonly named: readonly NamedTool[];
}

/** Throws CliFailure where even a prefix gives no name of its own. */
export function nameTools(asked: readonly AskedServer[], registry: ToolRegistry): readonly NamedServer[] {
  const first = asked.map((server) => named(server, registry, registry.servers.get(server.plan.upstream)?.prefix ?? ''));
  const clashing = clashes(first, registry);
  const second = first.map((server) => (clashing.has(server) && mayTakePrefix(server, registry) ? named(server, registry, prefixOf(server.plan.name)) : server));
  const [left] = clashes(second, registry);
  if (left !== undefined) {
    const [server, name] = left;
    throw new CliFailure(`${printable(server.plan.name)} serves ${printable(name)}, and another server's tool has that name.`, {
      remedy: `Leave it out (--server names those to import), and register its tools one by one: agw tools add --from ${server.plan.upstream} TOOL --name OTHER`, exitCode: 1, code: 'name_taken',
    });
  }
  return second;
}

function named(server: AskedServer, registry: ToolRegistry, prefix: string): NamedServer {
  const before = registry.servers.get(server.plan.upstream)?.prefix ?? '';
  const tools = (server.tools ?? []).map((tool): NamedTool => {
    const known = registry.served(server.plan.upstream, tool.name);
    return { tool, name: known?.name ?? prefix + tool.name, state: known === undefined ? 'new' : isAsServed(known, tool) ? 'registered' : 'changed' };
  });
  return { ...server, prefix, isPrefixNew: prefix !== before, named: tools };
}

function isAsServed({ hash, hashAlg }: RegisteredTool, { hashes }: ServedTool): boolean {
  return hashAlg === undefined ? Object.values(hashes).includes(hash) : hashes[hashAlg] === hash;
}

/** Servers with a new tool whose name another server has, here or in the registry; with that name. */
function clashes(servers: readonly NamedServer[], registry: ToolRegistry): ReadonlyMap<NamedServer, string> {
  const owners = new Map<string, Set<string>>();
  const own = (name: string, upstream: string): void => void owners.set(name, (owners.get(name) ?? new Set()).add(upstream));
  for (const tool of registry.tools.values()) own(tool.name, tool.upstream);
  for (const { plan, named: tools } of servers) for (const { name } of tools) own(name, plan.upstream);
  return new Map(servers.flatMap((server) => {
    const taken = server.named.find(({ name, state }) => state === 'new' && (owners.get(name)?.size ?? 0) > 1);
    return taken === undefined ? [] : [[server, taken.name] as const];
  }));
}

/** A prefix renames what is registered of a server already: that is a person's edit. */
function mayTakePrefix({ plan, prefix }: NamedServer, registry: ToolRegistry): boolean {
  return prefix === '' && ![...registry.tools.values()].some((tool) => tool.upstream === plan.upstream);
}

const PREFIX_LENGTH_MAX = 32;

function prefixOf(name: string): string {
  return `${name.replace(/[^A-Za-z0-9]+/g, '_').replace(/^_+|_+$/g, '').slice(0, PREFIX_LENGTH_MAX) || 'server'}_`;
}
