// What of a tool server's list this caller may see: registered, unchanged, and permitted, under the name agents know; everything else is left out.
import type { Context } from '../chain/context.js';
import { CallPolicyFacts } from '../chain/policy-facts.js';
import type { RegisteredTool, ServedTool } from '../engines/registry/types.js';
import { renamedItem } from '../mcp/lists.js';

export interface ListedTools {
  /** Raw JSON texts, as served but for the name. */
  readonly texts: readonly string[];
  readonly hidden: { readonly unregistered: number; readonly changed: number; readonly forbidden: number };
}

export type Presentable = (tool: RegisteredTool, served: ServedTool) => string | undefined;

const NO_ARGUMENTS = (): string => '{}';

export function filterTools(ctx: Context, upstream: string, served: readonly ServedTool[], presentable: Presentable): ListedTools {
  const texts: string[] = [];
  const hidden = { unregistered: 0, changed: 0, forbidden: 0 };
  for (const tool of served) {
    const registered = ctx.snapshot.registry.served(upstream, tool.name);
    if (registered === undefined) {
      hidden.unregistered++;
      continue;
    }
    const text = presentable(registered, tool);
    if (text === undefined) hidden.changed++;
    else if (!mayCall(ctx, registered)) hidden.forbidden++;
    else texts.push(registered.servedName === registered.name ? text : renamedItem(text, 'tools', registered.name));
  }
  return { texts, hidden };
}

function mayCall(ctx: Context, tool: RegisteredTool): boolean {
  if (ctx.caller === undefined || ctx.session === undefined) return false;
  return ctx.snapshot.policy.decide(new CallPolicyFacts(ctx.caller, tool.name, 'tools/call', tool, ctx.session, ctx.nowMs, NO_ARGUMENTS)).kind === 'allow';
}
