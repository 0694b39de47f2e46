// Reads capability-registry-v2.yaml into a frozen registry; every fault says file, line, column and remedy.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { ConfigFault } from '../../base/config/fault.js';
import { faultOfSchema, joinFaults } from '../../base/config/schema-faults.js';
import { parseYamlWithLines, type YamlFile } from '../../base/config/yaml-lines.js';
import { refuseServerFaults, serverSchema, SERVERS_MAX, STDIO_UPSTREAM, toServer } from './server-entry.js';
import type { RegisteredTool, ToolHash, ToolRegistry } from './types.js';

const NAME_LENGTH_MAX = 256; // MCP 2025-11-25 proposes 128; servers exceed it
const TIMEOUT_MS_MAX = 3_600_000; // upstream.answer_timeout_ms has the same bound
const TOOLS_MAX = 100_000;

const HASH_FORM = /^[0-9a-f]{64}$/;
const hash = z.string({ error: 'must be a text of 64 hexadecimal digits; quote it if it is digits alone' })
  .regex(HASH_FORM, 'must be 64 lower-case hexadecimal digits').describe('agw tools hash prints it');

const upstream = z.string().refine((text) => STDIO_UPSTREAM.test(text) || isUpstreamUrl(text), 'must be an http: or https: URL without user name, password or fragment, or stdio: with the name of an entry of servers').describe('e.g. http://127.0.0.1:9191/mcp, or stdio:files');
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const name = z.string().min(1).max(NAME_LENGTH_MAX).refine((text) => !/[\u0000-\u001f\u007f]/u.test(text), 'must not hold control characters');

const toolSchema = z.strictObject({
  name,
  description: z.string().default(''),
  upstream,
  hash,
  hash_alg: z.enum(['seed', 'jcs', 'legacy']).optional().describe('seed, jcs or legacy; absent = any of the three'),
  definition_hash: hash.optional(),
  risk_level: z.enum(['low', 'medium', 'high', 'critical']).describe('low, medium, high or critical'),
  input_schema: z.record(z.string(), z.unknown()).optional().describe('the JSON Schema the server serves as inputSchema'),
  required_scope: z.string().min(1).max(256).optional(),
  requires_step_up: z.boolean().default(false),
  allowed_destinations: z.array(z.string().min(1)).default([]),
  timeout_ms: z.number().int().min(10).max(TIMEOUT_MS_MAX).optional().describe('milliseconds'),
  classification: z.enum(['public', 'internal', 'confidential', 'sensitive']).default('internal').describe('public, internal, confidential or sensitive'),
  external: z.boolean().default(false),
  rate_limit: z.strictObject({ per_minute: z.number().int().min(1), burst: z.number().int().min(1) }).optional(),
});

export const registrySchema = z.strictObject({
  version: z.literal('v2').optional().describe('v2'),
  tools: z.array(toolSchema).max(TOOLS_MAX).nullable(),
  servers: z.array(serverSchema(upstream)).max(SERVERS_MAX).nullable().optional(),
  /** Kept by other readers of the same file; not read here. */
  capabilities: z.unknown().optional(),
});

export type ToolEntry = z.input<typeof toolSchema>;

/** Throws ConfigFault (the first fault, the rest in `others`). `file` is named, not read. */
export function parseRegistry(text: string, file: string): ToolRegistry {
  const yaml = parseYamlWithLines(text, file);
  const read = registrySchema.safeParse(yaml.value ?? {});
  if (!read.success) throw faultOfSchema(yaml, registrySchema, read.error);
  const entries = read.data.tools ?? [];
  refuseDuplicates(entries.map((entry) => entry.name), yaml);
  const servers = read.data.servers ?? [];
  refuseServerFaults(servers, entries, yaml);
  const tools = new Map(entries.map((entry, index) => [entry.name, toTool(entry, yaml.placeOf(['tools', index]).line)]));
  return Object.freeze({
    tools,
    servers: new Map(servers.map((entry, index) => [entry.upstream, toServer(entry, yaml.placeOf(['servers', index]).line)])),
    upstreams: Object.freeze([...new Set(entries.map((entry) => entry.upstream))]),
    digest: createHash('sha256').update(text).digest('hex'),
  });
}

/** Only a text of the right form becomes a ToolHash. */
export function parseToolHash(text: string): ToolHash | undefined {
  return HASH_FORM.test(text) ? (text as ToolHash) : undefined;
}

function toTool(entry: z.output<typeof toolSchema>, line: number): RegisteredTool {
  return Object.freeze({
    name: entry.name,
    description: entry.description,
    upstream: entry.upstream,
    hash: entry.hash as ToolHash,
    hashAlg: entry.hash_alg,
    definitionHash: entry.definition_hash as ToolHash | undefined,
    riskLevel: entry.risk_level,
    inputSchema: entry.input_schema,
    requiredScope: entry.required_scope,
    requiresStepUp: entry.requires_step_up,
    allowedDestinations: Object.freeze([...entry.allowed_destinations]),
    timeoutMs: entry.timeout_ms,
    classification: entry.classification,
    external: entry.external,
    rateLimit: entry.rate_limit === undefined ? undefined : Object.freeze({ perMinute: entry.rate_limit.per_minute, burst: entry.rate_limit.burst }),
    line,
  });
}

function refuseDuplicates(names: readonly string[], yaml: YamlFile): void {
  const firstAt = new Map<string, number>();
  const faults: ConfigFault[] = [];
  for (const [index, toolName] of names.entries()) {
    const first = firstAt.get(toolName);
    if (first === undefined) { firstAt.set(toolName, index); continue; }
    faults.push(new ConfigFault(`tools[${index}].name: ${toolName} is registered twice.`, {
      file: yaml.file, ...yaml.placeOf(['tools', index, 'name']),
      remedy: `Remove one of the two; the first is on line ${yaml.placeOf(['tools', first]).line}.`,
    }));
  }
  if (faults.length > 0) throw joinFaults(faults);
}

function isUpstreamUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return (url.protocol === 'http:' || url.protocol === 'https:') && url.username === '' && url.password === '' && url.hash === '' && !text.endsWith('#');
}
