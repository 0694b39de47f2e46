// What may stand in capability-registry-v2.yaml: the one schema of its sections.
import * as z from 'zod';
import { serverSchema, SERVERS_MAX, STDIO_UPSTREAM } from './server-entry.js';
import { parseUriTemplate } from './uri-template.js';

const NAME_LENGTH_MAX = 256; // MCP 2025-11-25 proposes 128; servers exceed it
const URI_LENGTH_MAX = 8192; // what a call may name
const TIMEOUT_MS_MAX = 3_600_000; // upstream.answer_timeout_ms has the same bound
const TOOLS_MAX = 100_000;
const RESOURCES_MAX = 100_000;
const RESOURCE_PATTERNS_MAX = 1000; // templates and prefixes are looked through one by one

export const HASH_FORM = /^[0-9a-f]{64}$/;
const hash = z.string({ error: 'must be a text of 64 hexadecimal digits; quote it if it is digits alone' })
  .regex(HASH_FORM, 'must be 64 lower-case hexadecimal digits').describe('agw tools hash prints it');

const upstream = z.string().refine((text) => STDIO_UPSTREAM.test(text) || isUpstreamUrl(text), 'must be an http: or https: URL without user name, password or fragment, or stdio: with the name of an entry of servers').describe('e.g. http://127.0.0.1:9191/mcp, or stdio:files');
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const isPlain = (text: string): boolean => !/[\u0000-\u001f\u007f]/u.test(text);
const plainText = (lengthMax: number) => z.string().min(1).max(lengthMax).refine(isPlain, 'must not hold control characters');
const name = plainText(NAME_LENGTH_MAX);
const uri = plainText(URI_LENGTH_MAX);

/** What layers 8 to 12 judge by, whatever is called. */
const governed = {
  description: z.string().default(''),
  upstream,
  risk_level: z.enum(['low', 'medium', 'high', 'critical']).describe('low, medium, high or critical'),
  requires_step_up: z.boolean().default(false),
  allowed_destinations: z.array(z.string().min(1)).default([]),
  timeout_ms: z.number().int().min(10).max(TIMEOUT_MS_MAX).optional().describe('milliseconds'),
  classification: z.enum(['public', 'internal', 'confidential', 'sensitive']).default('internal').describe('public, internal, confidential or sensitive'),
  external: z.boolean().default(false),
  rate_limit: z.strictObject({ per_minute: z.number().int().min(1), burst: z.number().int().min(1) }).optional(),
} as const;
const scope = z.string().min(1).max(256).optional();

const toolSchema = z.strictObject({
  name,
  served_as: name.optional().describe('the name on its server, where agents are to know it by another'),
  ...governed,
  hash,
  hash_alg: z.enum(['seed', 'jcs', 'legacy']).optional().describe('seed, jcs or legacy; absent = any of the three'),
  definition_hash: hash.optional(),
  input_schema: z.record(z.string(), z.unknown()).optional().describe('the JSON Schema the server serves as inputSchema'),
  required_scope: scope,
});

const promptSchema = z.strictObject({ name, ...governed, required_scope: scope });

const resourceSchema = z.strictObject({
  uri: uri.optional().describe('one resource, as its server lists it'),
  uri_template: uri.refine((text) => parseUriTemplate(text) !== undefined, 'must be a URI template with one to sixteen expressions, such as {id}').optional().describe('all that a template gives, as its server lists it, e.g. file:///notes/{name}'),
  uri_prefix: uri.optional().describe('all that begin so, e.g. file:///notes/'),
  ...governed,
}).refine((entry) => [entry.uri, entry.uri_template, entry.uri_prefix].filter((one) => one !== undefined).length === 1, 'needs exactly one of uri, uri_template and uri_prefix');

export const registrySchema = z.strictObject({
  version: z.literal('v2').optional().describe('v2'),
  servers: z.array(serverSchema(upstream)).max(SERVERS_MAX).nullish(),
  tools: z.array(toolSchema).max(TOOLS_MAX).nullable(),
  resources: z.array(resourceSchema).max(RESOURCES_MAX)
    .refine((entries) => entries.filter((entry) => entry.uri === undefined).length <= RESOURCE_PATTERNS_MAX, `must not hold more than ${RESOURCE_PATTERNS_MAX} templates and prefixes`).nullish(),
  prompts: z.array(promptSchema).max(TOOLS_MAX).nullish(),
  /** Kept by other readers of the same file; not read here. */
  capabilities: z.unknown().optional(),
});

export type ParsedTool = z.output<typeof toolSchema>;
export type ParsedPrompt = z.output<typeof promptSchema>;
export type ParsedResource = z.output<typeof resourceSchema>;
export type ToolEntry = z.input<typeof toolSchema>;

function isUpstreamUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return (url.protocol === 'http:' || url.protocol === 'https:') && url.username === '' && url.password === '' && url.hash === '' && !text.endsWith('#');
}
