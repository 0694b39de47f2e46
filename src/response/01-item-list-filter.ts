// What of the servers' lists of prompts, resources and templates this caller may see: permitted, of the server that calls of it go to, and registered where the registry says so.
import type { Context } from '../chain/context.js';
import { CallPolicyFacts } from '../chain/policy-facts.js';
import type { RegisteredTool } from '../engines/registry/types.js';
import type { ListedItem, ListMember } from '../mcp/lists.js';

export interface ListedItems {
  readonly shown: readonly ListedItem[];
  /** `shadowed`: a server before it serves the same. */
  readonly hidden: { readonly unregistered: number; readonly forbidden: number; readonly shadowed: number };
}

/** What a caller would do with an item: that is what a policy is asked. */
const USED_BY: Readonly<Record<ListMember, string>> = { tools: 'tools/call', prompts: 'prompts/get', resources: 'resources/read', resourceTemplates: 'resources/read', tasks: 'tasks/get' };
const NO_ARGUMENTS = (): string => '{}';

/** Of one answer: it takes the servers' lists in the registry's order. */
export class ItemListFilter {
  readonly #ctx: Context;
  readonly #member: ListMember;
  readonly #seen = new Set<string>();

  constructor(ctx: Context, member: ListMember) {
    this.#ctx = ctx;
    this.#member = member;
  }

  take(upstream: string, items: readonly ListedItem[]): ListedItems {
    const shown: ListedItem[] = [];
    const hidden = { unregistered: 0, forbidden: 0, shadowed: 0 };
    for (const item of items) {
      const registered = this.#registered(item.name);
      if (registered === undefined ? this.#onlyRegistered : registered.upstream !== upstream) hidden.unregistered++;
      else if (registered === undefined && this.#seen.has(item.name)) hidden.shadowed++;
      else if (!this.#mayUse(item.name, registered)) hidden.forbidden++;
      else shown.push(item);
    }
    // Twice in one server's own list is its own affair.
    for (const { name } of items) this.#seen.add(name);
    return { shown, hidden };
  }

  get #onlyRegistered(): boolean {
    return this.#member !== 'tasks' && this.#ctx.snapshot.config.registry.unregistered === 'refuse';
  }

  #registered(name: string): RegisteredTool | undefined {
    const { registry } = this.#ctx.snapshot;
    switch (this.#member) {
      case 'tools': return registry.tools.get(name);
      case 'prompts': return registry.prompts.get(name);
      case 'resources': return registry.resources.find(name);
      case 'resourceTemplates': return registry.resources.findTemplate(name);
      case 'tasks': return undefined;
    }
  }

  /** Whose a task is, only its server knows: it lists those of the caller's own session. */
  #mayUse(name: string, registered: RegisteredTool | undefined): boolean {
    const { caller, session, snapshot, nowMs } = this.#ctx;
    if (this.#member === 'tasks') return true;
    if (caller === undefined || session === undefined) return false;
    return snapshot.policy.decide(new CallPolicyFacts(caller, name, USED_BY[this.#member], registered, session, nowMs, NO_ARGUMENTS)).kind === 'allow';
  }
}
