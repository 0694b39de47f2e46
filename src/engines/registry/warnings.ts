// What of a registry is valid but deserves a person's eye: text that doesn't give the entry's hash, and text that speaks to the model.
import { isLoopbackHost } from '../../base/config/check-together.js';
import { jcsHash, legacyHash, seedHash, type HashedMembers } from './hashes.js';
import { findPoison } from './poison.js';
import type { HashAlg, RegisteredTool, ToolHash, ToolRegistry } from './types.js';

export interface RegistryWarning {
  readonly tool: string;
  readonly line: number;
  readonly kind: 'hash_of_other_text' | 'poisoned';
  readonly message: string;
}

/** The hash decides, so neither stops the registry: a server's schema may be fuller than what a person copied. */
export function registryWarnings(registry: ToolRegistry): RegistryWarning[] {
  return [...registry.tools.values()].flatMap((tool) => [...hashWarning(tool), ...poisonWarning(tool)]);
}

export interface ServerWarning {
  readonly line: number;
  readonly message: string;
}

/** Keys that whoever is on the way can read. */
export function serverWarnings(registry: ToolRegistry): ServerWarning[] {
  return [...registry.servers.values()].flatMap(({ upstream, transport, line }) => {
    if (transport.kind === 'stdio' || !upstream.startsWith('http:') || isLoopbackHost(new URL(upstream).hostname)) return [];
    const keys = Object.entries(transport.headers ?? {}).filter(([, text]) => text.includes('$ENV{')).map(([name]) => name);
    return keys.length === 0 ? [] : [{ line, message: `${upstream}: ${keys.join(', ')} goes there over plain HTTP, readable on the way: use https: where the server has it.` }];
  });
}

/** The hashes of the entry's own description and input_schema; undefined when it has no input_schema to hash. */
export function registeredHashes(tool: RegisteredTool): Readonly<Record<HashAlg, ToolHash>> | undefined {
  if (tool.inputSchema === undefined) return undefined;
  const members: HashedMembers = { name: JSON.stringify(tool.servedName), description: JSON.stringify(tool.description), inputSchema: JSON.stringify(tool.inputSchema) };
  return { seed: seedHash(members), jcs: jcsHash(members), legacy: legacyHash(members) };
}

function hashWarning(tool: RegisteredTool): RegistryWarning[] {
  const hashes = registeredHashes(tool);
  if (hashes === undefined || Object.values(hashes).includes(tool.hash)) return [];
  return [{
    tool: tool.name, line: tool.line, kind: 'hash_of_other_text',
    message: `${tool.name}: its hash is not that of the description and input_schema written here (seed ${hashes.seed}); the hash decides.`,
  }];
}

function poisonWarning(tool: RegisteredTool): RegistryWarning[] {
  const reasons = findPoison({ description: tool.description, inputSchema: tool.inputSchema });
  if (reasons.length === 0) return [];
  const kinds = [...new Set(reasons.map(({ kind, path }) => `${kind} at ${path}`))].join(', ');
  return [{ tool: tool.name, line: tool.line, kind: 'poisoned', message: `${tool.name}: its text speaks to the model (${kinds}).` }];
}
