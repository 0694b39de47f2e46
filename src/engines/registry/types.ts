// Registered tools and what their servers serve now.
import type { ParamMark } from '../../mcp/param-headers.js';

export type RiskLevel = 'low' | 'medium' | 'high' | 'critical';
export type HashAlg = 'seed' | 'jcs' | 'legacy';
export type ToolHash = string & { readonly __brand: 'ToolHash' };

/** What an entry of the registry speaks of; a policy and an approval know it by its name, or by the URI that is read. */
export type RegisteredKind = 'tool' | 'prompt' | 'resource';

export interface RegisteredTool {
  /** A resource's entry is one of its table: one URI, a template or a prefix of many. */
  readonly kind: RegisteredKind;
  /** As agents know it; of a resource the text of its entry. */
  readonly name: string;
  /** As its own server knows it. */
  readonly servedName: string;
  /** As limits, breakers and thresholds know it: a tool by its name, others by kind and name, so that a prompt never stands in for a tool. */
  readonly limitName: string;
  readonly description: string;
  /** URL of the server's endpoint, e.g. http://127.0.0.1:9191/mcp, or the name of a process, e.g. stdio:files */
  readonly upstream: string;
  /** Of a prompt or resource: over its entry, so that an approval ends when its registration changes. */
  readonly hash: ToolHash;
  readonly hashAlg: HashAlg | undefined;
  /** JCS hash over the whole definition, pinned by `agw tools add` or at first sight. */
  readonly definitionHash: ToolHash | undefined;
  readonly riskLevel: RiskLevel;
  readonly inputSchema: unknown;
  readonly requiredScope: string | undefined;
  readonly requiresStepUp: boolean;
  readonly allowedDestinations: readonly string[];
  readonly timeoutMs: number | undefined;
  /** What reading with this tool yields: public, internal, confidential, sensitive. */
  readonly classification: Classification;
  /** True when the tool sends data outside (classification of effects; see risk_thresholds.yaml). */
  readonly external: boolean;
  readonly rateLimit: { readonly perMinute: number; readonly burst: number } | undefined;
  /** Line of the entry in the registry file, 1-based. */
  readonly line: number;
}
export type Classification = 'public' | 'internal' | 'confidential' | 'sensitive';

/** A process that the gateway runs: what an operator wrote, and nothing a caller can change. */
export interface StdioProgram {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to a bare environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Undefined: the project's folder. */
  readonly cwd: string | undefined;
  /** One process for all, or one for each client session. */
  readonly instance: 'shared' | 'session';
}

export interface HttpTransport {
  /** sse: HTTP+SSE of 2024-11-05. */
  readonly kind: 'streamable_http' | 'sse';
  /** Added to every request, as written: `Bearer $ENV{TOKEN}`. Absent: none. */
  readonly headers?: Readonly<Record<string, string>>;
}

export type ServerTransport =
  | HttpTransport
  | { readonly kind: 'stdio'; readonly program: StdioProgram };

/** What is said of a tool server beside its tools. */
export interface RegisteredServer {
  /** The very text that its tools name. */
  readonly upstream: string;
  readonly transport: ServerTransport;
  /** Goes before the names of all its tools that have no name of their own; '' = none. */
  readonly prefix: string;
  /** Line of the entry in the registry file, 1-based. */
  readonly line: number;
}

/** Which entry a URI falls under. */
export interface ResourceTable {
  /** The entry of that very URI, else the first template that gives it, else the longest prefix of it. */
  find(uri: string): RegisteredTool | undefined;
  /** The entry of a template as a server lists it (`uriTemplate`). */
  findTemplate(template: string): RegisteredTool | undefined;
  /** A template or prefix is registered, so that a URI can be spelled in and out of it. */
  readonly hasPatterns: boolean;
  /** In the file's order. */
  readonly entries: readonly RegisteredTool[];
}

/** Parsed capability-registry-v2.yaml; frozen, part of the snapshot. */
export interface ToolRegistry {
  /** By the name agents know. */
  readonly tools: ReadonlyMap<string, RegisteredTool>;
  readonly prompts: ReadonlyMap<string, RegisteredTool>;
  readonly resources: ResourceTable;
  /** By upstream; one that needs no entry has none. */
  readonly servers: ReadonlyMap<string, RegisteredServer>;
  /** Upstream URLs in order of first appearance: of tools, resources, prompts, then of servers that have none of them registered. */
  readonly upstreams: readonly string[];
  /** Upstreams of which something is registered as external: nobody knows which of their parts reads what is no call. */
  readonly sendingOut: ReadonlySet<string>;
  /** The entry of what one server serves under this name. */
  served(upstream: string, servedName: string): RegisteredTool | undefined;
  readonly digest: string;
}

/** One tool as an upstream served it. */
export interface ServedTool {
  readonly name: string;
  /** The tool object's own JSON text, byte for byte as served. */
  readonly text: string;
  readonly hashes: Readonly<Record<HashAlg, ToolHash>>;
  readonly definitionHash: ToolHash;
  /** JCS hash of each member outside name, description and inputSchema. */
  readonly memberHashes: Readonly<Record<string, ToolHash>>;
}

/** A whole definition as it was when it was pinned. */
export interface DefinitionPin {
  readonly definitionHash: ToolHash;
  /** Undefined when only the whole is known (definition_hash in the registry, never seen served). */
  readonly memberHashes: Readonly<Record<string, ToolHash>> | undefined;
}

export type ToolState =
  /** `marks`: the properties of its schema that travel in headers as well; absent = none. */
  | { readonly kind: 'verified'; readonly alg: HashAlg; readonly verifiedMs: number; readonly changedMembers: readonly string[]; readonly marks?: readonly ParamMark[] }
  | { readonly kind: 'mismatch'; readonly served: ServedTool; readonly sinceMs: number }
  /** `sinceMs`: when a listing last lacked it. */
  | { readonly kind: 'absent'; readonly sinceMs: number }
  | { readonly kind: 'unknown' };
