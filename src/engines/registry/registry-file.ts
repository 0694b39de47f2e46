// Reads capability-registry-v2.yaml into a frozen registry; every fault says file, line, column and remedy.
import { createHash } from 'node:crypto';
import { ConfigFault } from '../../base/config/fault.js';
import { faultOfSchema, joinFaults } from '../../base/config/schema-faults.js';
import { parseYamlWithLines, type YamlFile } from '../../base/config/yaml-lines.js';
import { HASH_FORM, registrySchema, type ParsedPrompt, type ParsedResource, type ParsedTool } from './registry-schema.js';
import { createResourceTable, type ResourceEntry } from './resource-table.js';
import { serverFaults, toServer } from './server-entry.js';
import type { RegisteredServer, RegisteredTool, ToolHash, ToolRegistry } from './types.js';

/** Throws ConfigFault (the first fault, the rest in `others`). `file` is named, not read. */
export function parseRegistry(text: string, file: string): ToolRegistry {
  const yaml = parseYamlWithLines(text, file);
  const read = registrySchema.safeParse(yaml.value ?? {});
  if (!read.success) throw faultOfSchema(yaml, registrySchema, read.error);
  const lineOf = (section: string, index: number): number => yaml.placeOf([section, index]).line;
  const servers = new Map((read.data.servers ?? []).map((entry, index): [string, RegisteredServer] => [entry.upstream, toServer(entry, lineOf('servers', index))]));
  const tools = (read.data.tools ?? []).map((entry, index) => toTool(entry, servers.get(entry.upstream)?.prefix ?? '', lineOf('tools', index)));
  const prompts = (read.data.prompts ?? []).map((entry, index) => toPrompt(entry, lineOf('prompts', index)));
  const resources = (read.data.resources ?? []).map((entry, index) => toResource(entry, lineOf('resources', index)));
  const faults = [
    ...repeated(yaml, 'servers', (read.data.servers ?? []).map(({ upstream }) => upstream), (upstream) => `${upstream} is listed twice.`),
    ...serverFaults(read.data.servers ?? [], { tools: read.data.tools ?? [], prompts: read.data.prompts ?? [], resources: read.data.resources ?? [] }, yaml),
    ...sameNames(yaml, tools), ...servedTwice(yaml, tools),
    ...repeated(yaml, 'prompts', prompts.map(({ name }) => name), (name) => `${name} is registered twice.`),
    ...repeated(yaml, 'resources', resources.map(({ registered }) => registered.name), (name) => `${name} is registered twice.`),
  ];
  if (faults.length > 0) throw joinFaults(faults);
  const everything = [...tools, ...resources.map(({ registered }) => registered), ...prompts];
  const served = new Map(tools.map((tool) => [servedKey(tool.upstream, tool.servedName), tool]));
  return Object.freeze({
    tools: new Map(tools.map((tool) => [tool.name, tool])),
    prompts: new Map(prompts.map((prompt) => [prompt.name, prompt])),
    resources: createResourceTable(resources),
    servers,
    upstreams: Object.freeze([...new Set([...everything.map(({ upstream }) => upstream), ...servers.keys()])]),
    sendingOut: new Set(everything.filter(({ external }) => external).map(({ upstream }) => upstream)),
    served: (upstream: string, servedName: string) => served.get(servedKey(upstream, servedName)),
    digest: createHash('sha256').update(text).digest('hex'),
  });
}

/** Only a text of the right form becomes a ToolHash. */
export function parseToolHash(text: string): ToolHash | undefined {
  return HASH_FORM.test(text) ? (text as ToolHash) : undefined;
}

/** No URL has a blank. */
function servedKey(upstream: string, servedName: string): string {
  return `${upstream} ${servedName}`;
}

type Governed = Pick<ParsedTool, 'upstream' | 'description' | 'risk_level' | 'requires_step_up' | 'allowed_destinations' | 'timeout_ms' | 'classification' | 'external' | 'rate_limit'>;

function governed(entry: Governed, line: number) {
  return {
    description: entry.description,
    upstream: entry.upstream,
    riskLevel: entry.risk_level,
    requiresStepUp: entry.requires_step_up,
    allowedDestinations: Object.freeze([...entry.allowed_destinations]),
    timeoutMs: entry.timeout_ms,
    classification: entry.classification,
    external: entry.external,
    rateLimit: entry.rate_limit === undefined ? undefined : Object.freeze({ perMinute: entry.rate_limit.per_minute, burst: entry.rate_limit.burst }),
    line,
  };
}

function toTool(entry: ParsedTool, prefix: string, line: number): RegisteredTool {
  const name = entry.served_as === undefined ? prefix + entry.name : entry.name;
  return Object.freeze({
    ...governed(entry, line),
    kind: 'tool',
    name,
    limitName: name,
    servedName: entry.served_as ?? entry.name,
    hash: entry.hash as ToolHash,
    hashAlg: entry.hash_alg,
    definitionHash: entry.definition_hash as ToolHash | undefined,
    inputSchema: entry.input_schema,
    requiredScope: entry.required_scope,
  });
}

function toPrompt(entry: ParsedPrompt, line: number): RegisteredTool {
  return Object.freeze({ ...governed(entry, line), ...unhashed('prompt', entry.name, entry), requiredScope: entry.required_scope });
}

function toResource(entry: ParsedResource, line: number): ResourceEntry {
  const by = entry.uri !== undefined ? 'uri' : entry.uri_template !== undefined ? 'uri_template' : 'uri_prefix';
  return { by, registered: Object.freeze({ ...governed(entry, line), ...unhashed('resource', entry[by] ?? '', entry), requiredScope: undefined }) };
}

function unhashed(kind: 'prompt' | 'resource', name: string, entry: object) {
  const hash = createHash('sha256').update(JSON.stringify([kind, entry])).digest('hex') as ToolHash;
  return { kind, name, servedName: name, limitName: `${kind} ${name}`, hash, hashAlg: undefined, definitionHash: undefined, inputSchema: undefined };
}

function sameNames(yaml: YamlFile, tools: readonly RegisteredTool[]): ConfigFault[] {
  return again(tools.map(({ name }) => name)).map(([index, first]) => {
    const [one, other] = [tools[first], tools[index]];
    if (one === undefined || other === undefined) throw new TypeError('an index of the list itself');
    const line = yaml.placeOf(['tools', first]).line;
    if (one.upstream === other.upstream) {
      return new ConfigFault(`tools[${index}].name: ${other.name} is registered twice.`, { file: yaml.file, ...yaml.placeOf(['tools', index, 'name']), remedy: `Remove one of the two; the first is on line ${line}.` });
    }
    return new ConfigFault(`tools[${index}].name: ${other.name} is registered twice, of ${one.upstream} (line ${line}) and of ${other.upstream}.`, {
      file: yaml.file, ...yaml.placeOf(['tools', index, 'name']),
      remedy: `Give this entry another name and add served_as: ${other.servedName}; or give all tools of one server a prefix: servers: [{upstream: ${other.upstream}, prefix: …_}].`,
    });
  });
}

/** Under two names, nobody could say which entry judges what the server lists. */
function servedTwice(yaml: YamlFile, tools: readonly RegisteredTool[]): ConfigFault[] {
  return again(tools.map(({ upstream, servedName }) => servedKey(upstream, servedName))).flatMap(([index, first]) => {
    const [one, other] = [tools[first], tools[index]];
    if (one === undefined || other === undefined || one.name === other.name) return [];
    return [new ConfigFault(`tools[${index}]: ${other.servedName} of ${other.upstream} is registered twice, as ${one.name} and as ${other.name}.`, {
      file: yaml.file, ...yaml.placeOf(['tools', index]), remedy: `Remove one of the two; the first is on line ${yaml.placeOf(['tools', first]).line}.`,
    })];
  });
}

function repeated(yaml: YamlFile, section: string, names: readonly string[], message: (name: string) => string): ConfigFault[] {
  return again(names).map(([index, first]) => new ConfigFault(`${section}[${index}]: ${message(names[index] ?? '')}`, {
    file: yaml.file, ...yaml.placeOf([section, index]), remedy: `Remove one of the two; the first is on line ${yaml.placeOf([section, first]).line}.`,
  }));
}

/** The places of texts that were there before, each with the first place. */
function again(texts: readonly string[]): [index: number, first: number][] {
  const firstAt = new Map<string, number>();
  return texts.flatMap((text, index): [number, number][] => {
    const first = firstAt.get(text);
    if (first !== undefined) return [[index, first]];
    firstAt.set(text, index);
    return [];
  });
}
