// The entry of the registry that a prompt's name or a resource's URI falls under.
import { hasOtherReading, withPlainDividers } from './resource-table.js';
import type { RegisteredTool, ToolRegistry } from './types.js';

export type Sought =
  | { readonly kind: 'registered'; readonly registered: RegisteredTool }
  | { readonly kind: 'unregistered' }
  /** A template or prefix could be left, or entered, by another reading of it. */
  | { readonly kind: 'ambiguous' }
  | { readonly kind: 'names_nothing' };

const UNREGISTERED: Sought = Object.freeze({ kind: 'unregistered' });
const AMBIGUOUS: Sought = Object.freeze({ kind: 'ambiguous' });
const NAMES_NOTHING: Sought = Object.freeze({ kind: 'names_nothing' });

/** `name` of a prompt, or `uri` of a resource; what is completed may be a template. The other is ''. */
export function findRegistered(registry: ToolRegistry, call: { readonly method: string; readonly name: string; readonly uri: string }): Sought {
  if (call.name !== '') return found(registry.prompts.get(call.name));
  if (call.uri === '') return NAMES_NOTHING;
  const template = call.method === 'completion/complete' ? registry.resources.findTemplate(call.uri) : undefined;
  const registered = template ?? registry.resources.find(call.uri);
  if (registered?.name !== call.uri && registry.resources.hasPatterns && (hasOtherReading(call.uri) || entersAnother(registry, call.uri, registered))) return AMBIGUOUS;
  return found(registered);
}

/** Its encoded or doubled dividers are a value's own (RFC 6570) unless, read as plain ones, they lead to another entry. */
function entersAnother(registry: ToolRegistry, uri: string, registered: RegisteredTool | undefined): boolean {
  const plain = withPlainDividers(uri);
  if (plain === uri) return false;
  const other = registry.resources.find(plain);
  return other !== undefined && other !== registered;
}

/** What a policy is told of beside the name: the tool that is called, the registered prompt that is got, the registered resource that is read. */
export function entryOf(registry: ToolRegistry, method: string, subject: string): RegisteredTool | undefined {
  switch (method) {
    case 'tools/call': return registry.tools.get(subject);
    case 'prompts/get': return registry.prompts.get(subject);
    case 'resources/read': return registry.resources.find(subject);
    default: return undefined;
  }
}

function found(registered: RegisteredTool | undefined): Sought {
  return registered === undefined ? UNREGISTERED : { kind: 'registered', registered };
}
