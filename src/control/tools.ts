// GET /v1/tools and /v1/tools/NAME/diff: what is registered, what is served, and how they differ.
import { diffDefinitions } from '../engines/registry/diff.js';
import type { RegisteredTool, ServedTool, ToolState } from '../engines/registry/types.js';
import type { ControlParts } from './parts.js';
import { ControlFault, type Route } from './server.js';
import { timeOf } from './status.js';

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
  return { tools, unregistered };
}

function describe(tool: RegisteredTool, state: ToolState): unknown {
  return {
    name: tool.name, upstream: tool.upstream, hash: tool.hash, hash_alg: state.kind === 'verified' ? state.alg : tool.hashAlg ?? null, risk_level: tool.riskLevel,
    state: state.kind, verified_at: state.kind === 'verified' ? timeOf(state.verifiedMs) : null, changed_members: state.kind === 'verified' ? state.changedMembers : [],
    requires_step_up: tool.requiresStepUp, classification: tool.classification, external: tool.external, line: tool.line,
  };
}

function diffTool(parts: ControlParts, name: string): unknown {
  const tool = parts.inForce().registry.tools.get(name);
  if (tool === undefined) throw new ControlFault(404, 'registry_tool_unknown', `no tool ${name} is registered`);
  const served = servedNow(parts, tool);
  const registered = { name: tool.name, description: tool.description, inputSchema: tool.inputSchema };
  const definition: unknown = served === undefined ? undefined : JSON.parse(served.text);
  return {
    name, state: parts.observations.stateOf(tool).kind,
    registered: { description: tool.description, input_schema: tool.inputSchema, hash: tool.hash },
    served: definition ?? null,
    hashes: served?.hashes ?? null,
    changes: definition === undefined ? [] : diffDefinitions(registered, definition),
  };
}

function servedNow(parts: ControlParts, tool: RegisteredTool): ServedTool | undefined {
  const state = parts.observations.stateOf(tool);
  if (state.kind === 'mismatch') return state.served;
  return parts.observations.upstreams().find(({ url }) => url === tool.upstream)?.tools.find((served) => served.name === tool.name);
}
