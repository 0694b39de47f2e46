// What an import will do: which servers, under which names, what stays out and why, and which files get which text.
import { parseJson } from '../../base/json/parse-json.js';
import type { PoisonReason } from '../../engines/registry/poison.js';
import type { ToolEntry } from '../../engines/registry/registry-schema.js';
import type { RiskLevel } from '../../engines/registry/types.js';
import { recordOf, textOf } from '../reading.js';
import { firstPolicy, type PolicyFile } from './first-policy.js';
import type { LeftOut } from './found-server.js';
import type { NamedServer, NamedTool } from './tool-names.js';
import type { ImportCaller } from './caller.js';

export interface PlannedTool extends NamedTool {
  /** Signs that its definition speaks to the model: it is left to a person. */
  readonly poison: readonly PoisonReason[];
}

export interface PlannedServer extends Omit<NamedServer, 'named'> {
  readonly named: readonly PlannedTool[];
}

export interface ImportPlan {
  readonly caller: ImportCaller;
  readonly servers: readonly PlannedServer[];
  readonly leftOut: readonly LeftOut[];
  readonly riskLevel: RiskLevel;
  readonly registry: { readonly file: string; readonly before: string; readonly text: string };
  readonly policy: PolicyFile | undefined;
}

export interface Ingredients {
  readonly caller: ImportCaller;
  readonly servers: readonly NamedServer[];
  readonly leftOut: readonly LeftOut[];
  readonly riskLevel: RiskLevel;
  readonly registryFile: string;
  readonly registryText: string;
  readonly policyDir: string;
}

export async function makePlan(given: Ingredients): Promise<ImportPlan> {
  const { findPoison } = await import('../../engines/registry/poison.js');
  const servers = given.servers.map((server): PlannedServer => ({ ...server, named: server.named.map((one) => ({ ...one, poison: findPoison(parseJson(one.tool.text)) })) }));
  const allowed = servers.flatMap(({ named }) => named.filter(isAllowed).map(({ name }) => name));
  return {
    caller: given.caller, servers, leftOut: given.leftOut, riskLevel: given.riskLevel,
    registry: { file: given.registryFile, before: given.registryText, text: await registryWith(servers, given) },
    policy: allowed.length === 0 ? undefined : firstPolicy(given.policyDir, given.caller.id, allowed),
  };
}

export function isRegisteredNow({ state, poison }: PlannedTool): boolean {
  return state === 'new' && poison.length === 0;
}

/** What the caller may call afterwards. */
export function isAllowed(tool: PlannedTool): boolean {
  return isRegisteredNow(tool) || tool.state === 'registered';
}

/** Of the others the client keeps what it has. */
export function isImported({ named }: PlannedServer): boolean {
  return named.some(isAllowed);
}

async function registryWith(servers: readonly PlannedServer[], { registryFile, registryText, riskLevel }: Ingredients): Promise<string> {
  const { setServer, setTool } = await import('../../engines/registry/registry-edit.js');
  return servers.reduce((before, { plan, prefix, isPrefixNew, named }) => {
    const tools = named.filter(isRegisteredNow);
    if (tools.length === 0) return before;
    const entry = isPrefixNew ? { ...(plan.entry ?? { upstream: plan.upstream }), prefix } : plan.entry;
    const withEntry = entry === undefined ? before : setServer(before, entry, registryFile);
    return tools.reduce((text, tool) => setTool(text, entryOf(tool, plan.upstream, riskLevel), registryFile), withEntry);
  }, registryText);
}

function entryOf({ tool }: NamedTool, upstream: string, riskLevel: RiskLevel): ToolEntry {
  const definition = recordOf(parseJson(tool.text));
  return {
    name: tool.name, description: textOf(definition, 'description'), upstream, hash: tool.hashes.jcs, hash_alg: 'jcs', definition_hash: tool.definitionHash, risk_level: riskLevel,
    input_schema: { ...recordOf(definition['inputSchema']) },
  } as ToolEntry;
}
