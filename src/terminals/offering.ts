// Which tool servers a method concerns, by the capabilities they declare, and what a caller is told where that is none.
import type { Context } from '../chain/context.js';
import type { TerminalServices, UpstreamKnowledge } from './services.js';

/** 2026-07-28 has tasks as an extension; 2025-11-25 as a capability. */
const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';

/** The capability a method belongs to, as servers declare it (MCP 2025-11-25, basic/lifecycle). */
const CAPABILITY_OF: Readonly<Record<string, string>> = {
  prompts: 'prompts', resources: 'resources', completion: 'completions', logging: 'logging', tasks: 'tasks',
};

export function capabilityOf(method: string): string | undefined {
  return CAPABILITY_OF[method.split('/', 1)[0] ?? ''];
}

export function offers({ capabilities }: UpstreamKnowledge, capability: string): boolean {
  if (capability in capabilities) return true;
  const { extensions } = capabilities;
  return capability === 'tasks' && typeof extensions === 'object' && extensions !== null && TASKS_EXTENSION in extensions;
}

/** Its clients were told at the handshake that they would hear of changes. */
export function tellsOfChanges({ capabilities }: UpstreamKnowledge, capability: string): boolean {
  const declared = capabilities[capability];
  return typeof declared === 'object' && declared !== null && 'listChanged' in declared && declared.listChanged === true;
}

/** In the registry's order; none for a method of no capability. Who has not been listed yet may offer anything; and the only server there is, is asked in any case. */
export function serversOffering({ snapshot }: Context, capability: string | undefined, services: TerminalServices): readonly string[] {
  const { upstreams } = snapshot.registry;
  if (upstreams.length === 1) return upstreams;
  if (capability === undefined) return [];
  return upstreams.filter((url) => {
    const known = services.tools.upstream(url);
    return offers(known, capability) || known.state === 'unknown';
  });
}

/** Servers beside those `asked` that were down from the start: what they offer, nobody knows. They are counted and not asked. */
export function neverSeen({ snapshot }: Context, asked: readonly string[], services: TerminalServices): number {
  return snapshot.registry.upstreams.filter((url) => {
    if (asked.includes(url)) return false;
    const { state, capabilities } = services.tools.upstream(url);
    return state === 'down' && Object.keys(capabilities).length === 0;
  }).length;
}
