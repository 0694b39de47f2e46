// GET /v1/tools and what is done with one of them: what is registered, what is served, and how they differ.
import type { RegisteredTool, ToolState } from '../engines/registry/types.js';
import type { ControlParts } from './parts.js';
import { ControlFault, type Route } from './server.js';
import { timeOf } from './status.js';
import { diffTool } from './tool-diff.js';

export function toolRoutes(parts: ControlParts): Route[] {
  return [
    { method: 'GET', path: '/v1/tools', answer: () => ({ status: 200, json: listTools(parts) }) },
    { method: 'GET', path: '/v1/tools/*/diff', answer: ({ name }) => ({ status: 200, json: diffTool(parts, name) }) },
    {
      method: 'POST', path: '/v1/tools/*/acknowledge',
      answer: async ({ name }) => {
        if (!(await parts.acknowledge(name))) throw new ControlFault(404, 'registry_tool_unknown', `no tool ${name} is registered`);
        return { status: 200, json: { name, acknowledged: true } };
      },
    },
  ];
}

function listTools(parts: ControlParts): unknown {
  const tools = [...parts.inForce().registry.tools.values()].map((tool) => describe(tool, parts.observations.stateOf(tool)));
  const unregistered = parts.observations.unregistered().map(({ upstream, served }) => ({ name: served.name, upstream, hashes: served.hashes }));
  const { file } = parts.config().registry;
  const { prompts, resources } = parts.inForce().registry;
  return { tools, prompts: [...prompts.values()].map(describeOther), resources: resources.entries.map(describeOther), unregistered, refused: parts.refused().filter((refused) => refused.file === file) };
}

/** Nothing of it is listed or hashed. */
function describeOther({ name, upstream, riskLevel, requiresStepUp, classification, external, line }: RegisteredTool): unknown {
  return { name, upstream, risk_level: riskLevel, requires_step_up: requiresStepUp, classification, external, line };
}

function describe(tool: RegisteredTool, state: ToolState): unknown {
  return {
    name: tool.name, served_as: tool.servedName, upstream: tool.upstream, hash: tool.hash, hash_alg: state.kind === 'verified' ? state.alg : tool.hashAlg ?? null, risk_level: tool.riskLevel,
    state: state.kind, verified_at: state.kind === 'verified' ? timeOf(state.verifiedMs) : null, changed_members: state.kind === 'verified' ? state.changedMembers : [],
    requires_step_up: tool.requiresStepUp, classification: tool.classification, external: tool.external, line: tool.line,
  };
}
