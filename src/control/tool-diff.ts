// GET /v1/tools/NAME/diff: what is registered, what is served, and in what they differ as layer 5 sees it.
import { parseJson } from '../base/json/parse-json.js';
import { diffDefinitions, type DefinitionChange } from '../engines/registry/diff.js';
import { HASHED_MEMBERS } from '../engines/registry/served-tools.js';
import type { RegisteredTool, ServedTool, ToolState } from '../engines/registry/types.js';
import { changedMembersOf, verifyServed } from '../engines/registry/verify.js';
import { registeredHashes } from '../engines/registry/warnings.js';
import type { ControlParts } from './parts.js';
import { ControlFault } from './server.js';
import { timeOf } from './status.js';

const MS_PER_SECOND = 1000;

/** `refused`: the code layer 5 answers a call of the tool with, null = it passes. `changes` is empty only where nothing that layer 5 looks at differs. */
export function diffTool(parts: ControlParts, name: string): unknown {
  const { registry } = parts.inForce();
  const tool = registry.tools.get(name);
  if (tool === undefined) throw new ControlFault(404, 'registry_tool_unknown', `no tool ${name} is registered`, { remediation: 'See: agw tools list' });
  const state = parts.observations.stateOf(tool);
  const upstream = parts.observations.upstreams().find(({ url }) => url === tool.upstream);
  const listed = upstream?.tools.find((served) => served.name === tool.servedName);
  const served = state.kind === 'mismatch' ? state.served : listed;
  const text = served === undefined ? [] : textChanges(tool, served);
  return {
    name, served_as: tool.servedName, state: state.kind, refused: refusalOf(parts, tool, state),
    registered: { description: tool.description, input_schema: tool.inputSchema, hash: tool.hash, hash_alg: tool.hashAlg ?? null, text_hashes: registeredHashes(tool) ?? null, file: parts.config().registry.file, line: tool.line },
    upstream: { url: tool.upstream, state: upstream?.state ?? 'unknown', era: eraOf(parts, tool.upstream), verified_at: timeOf(upstream?.verifiedMs ?? 0), error: upstream?.error ?? null },
    served: served === undefined ? null : parseJson(served.text),
    hashes: served?.hashes ?? null,
    since: state.kind === 'mismatch' || state.kind === 'absent' ? timeOf(state.sinceMs) : null,
    /** Changed and changed back: only a person lifts the refusal. */
    matches_again: state.kind === 'mismatch' && listed !== undefined && verifyServed(tool, listed).kind === 'match',
    changes: served === undefined ? [] : [...(state.kind === 'mismatch' ? [hashChange(tool, served), ...text] : []), ...memberChanges(parts, tool, served)],
    /** Of a verified tool: where the registry's own text is not what is served. The hash decides, so it is no refusal. */
    text_differs: state.kind === 'verified' ? text : [],
  };
}

/** Null: it was never listed. */
function eraOf(parts: ControlParts, upstream: string): 'modern' | 'legacy' | null {
  const facts = parts.greeted(upstream);
  return facts === undefined ? null : facts.modern ? 'modern' : 'legacy';
}

function refusalOf(parts: ControlParts, tool: RegisteredTool, state: ToolState): string | null {
  if (state.kind === 'mismatch') return 'registry_hash_mismatch';
  const oldestMs = parts.clock.nowMs() - parts.config().registry.verify_max_age_s * MS_PER_SECOND;
  const isDown = parts.observations.upstreams().some(({ url, state: now }) => url === tool.upstream && now !== 'up');
  return state.kind === 'verified' && (state.verifiedMs >= oldestMs || !isDown) ? null : 'registry_tool_unverified';
}

function hashChange(tool: RegisteredTool, served: ServedTool): DefinitionChange {
  return { path: 'hash', kind: 'changed', before: tool.hash, after: tool.hashAlg === undefined ? served.hashes : served.hashes[tool.hashAlg] };
}

/** Of the hashed members, those that the registry spells out. */
function textChanges(tool: RegisteredTool, served: ServedTool): DefinitionChange[] {
  const written = { name: tool.servedName, ...(tool.description === '' ? {} : { description: tool.description }), ...(tool.inputSchema === undefined ? {} : { inputSchema: tool.inputSchema }) };
  const definition = parseJson(served.text) as Readonly<Record<string, unknown>>;
  return diffDefinitions(written, Object.fromEntries(Object.entries(definition).filter(([key]) => Object.hasOwn(written, key))));
}

/** Outside the hash: only their hashes were kept, so what they were can't be shown. */
function memberChanges(parts: ControlParts, tool: RegisteredTool, served: ServedTool): DefinitionChange[] {
  const definition = parseJson(served.text) as Readonly<Record<string, unknown>>;
  return changedMembersOf(tool, served, parts.observations.pinOf(tool)).filter((member) => !HASHED_MEMBERS.includes(member))
    .map((member) => (Object.hasOwn(definition, member) ? { path: `/${member}`, kind: 'changed', after: definition[member] } : { path: `/${member}`, kind: 'removed' }));
}
