// What of a registry is valid but deserves a person's eye: text that doesn't give the entry's hash, and text that speaks to the model.
import { isLoopbackHost } from '../../base/config/check-together.js';
import { namedVariables } from '../../base/config/environment.js';
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

/** Headers whose value is a key as a rule. */
const KEY_HEADER = /(?:^|[-_])(?:auth|authorization|cookie|token|secret|password|(?:api)?key)(?:$|[-_])/i;
/** How clients and shells write a variable: `${NAME}`, `${env:NAME}`, `$NAME`, and `{NAME}`, which a shell makes of "$ENV{NAME}". */
const OTHER_NOTATION = /^(?:[A-Za-z]+ +)?(?:\$?\{(?:env:)?[A-Za-z_]\w*\}|\$[A-Z_][A-Z0-9_]*)$/;

/** Keys that others can read, and what was meant as a variable and is none. No value is shown. */
export function serverWarnings(registry: ToolRegistry): ServerWarning[] {
  return [...registry.servers.values()].flatMap(({ upstream, transport, line }) => {
    if (transport.kind === 'stdio' || transport.headers === undefined) return [];
    const headers = Object.entries(transport.headers);
    const keys = headers.filter(([, text]) => namedVariables(text).length > 0).map(([name]) => name);
    const isReadable = upstream.startsWith('http:') && !isLoopbackHost(new URL(upstream).hostname);
    return [
      ...(keys.length > 0 && isReadable ? [`${upstream}: ${keys.join(', ')} goes there over plain HTTP, readable on the way: use https: where the server has it.`] : []),
      ...headers.flatMap(([name, text]) => asWritten(name, text).map((words) => `${upstream}: its ${name} ${words}`)),
    ].map((message) => ({ line, message }));
  });
}

function asWritten(name: string, text: string): string[] {
  if (namedVariables(text).length > 0) return [];
  if (OTHER_NOTATION.test(text)) return ['is sent as it is written: a variable is written $ENV{NAME} here, and in no other way.'];
  return KEY_HEADER.test(name) && text !== '' ? ['stands in this file, for all who can read it, and is not cut out of the server\'s answers: if it is a key, put it into a variable, and write $ENV{NAME}.'] : [];
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
