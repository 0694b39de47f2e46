// Layer 5: the tool is registered, and what its server serves now is what was registered; adds the tool, or the registered prompt or resource.
import type { Ctx, Layer } from '../chain/layer.js';
import { deny, denyByProtocol, PASS, type Verdict } from '../chain/verdict.js';
import { entryOf, findRegistered } from '../engines/registry/find-registered.js';
import { hasDotSegments } from '../engines/registry/resource-table.js';
import type { HashAlg, RegisteredTool, ToolState } from '../engines/registry/types.js';
import { subjectOf } from '../mcp/methods.js';
import { INVALID_PARAMS } from '../mcp/rpc-codes.js';
import type { ParamMark } from '../mcp/param-headers.js';
import type { Call } from '../mcp/types.js';

/** What the layer asks: the last observation of a tool, and a fresh one when that is too old. */
export interface ToolVerifier {
  stateOf(tool: RegisteredTool): ToolState;
  /** Lists the tool's upstream again, one listing for all who wait. Resolves once the state is as fresh as it can be had. */
  refresh(upstream: string): Promise<void>;
}

interface ToolSlot {
  tool: { readonly registered: RegisteredTool; readonly hashAlg: HashAlg | undefined; readonly marks?: readonly ParamMark[] | undefined } | 'none' | undefined;
}

const MS_PER_SECOND = 1000;

export function toolRegistryVerify(verifier: ToolVerifier): Layer<'call' | 'caller' | 'recordOpen', 'tool'> {
  return {
    step: 5,
    name: 'tool_registry_verify',
    onFault: deny('registry_tool_unverified', { reasonCode: 'layer_fault' }),
    decide(ctx) {
      if (ctx.call.method !== 'tools/call') return judgeOther(ctx);
      const registered = ctx.snapshot.registry.tools.get(ctx.call.name);
      if (registered === undefined) return deny('registry_tool_unknown', { details: { tool: ctx.call.name } });
      ctx.server = registered.upstream; // for the record of a refusal here: whose definition it was
      const oldestMs = ctx.nowMs - ctx.snapshot.config.registry.verify_max_age_s * MS_PER_SECOND;
      const state = verifier.stateOf(registered);
      if (isFresh(state, oldestMs)) return judge(ctx, registered, state);
      return verifier.refresh(registered.upstream).then(() => {
        const renewed = verifier.stateOf(registered);
        return isFresh(renewed, oldestMs) ? judge(ctx, registered, renewed) : unverified(registered);
      });
    },
  };
}

/** A prompt that is got and a resource that is read are judged like calls; to subscribe or to complete yields nothing of them. */
function judgeOther(ctx: Ctx<'call', 'tool'>): Verdict {
  ctx.tool = 'none';
  const sought = findRegistered(ctx.snapshot.registry, ctx.call);
  switch (sought.kind) {
    case 'names_nothing': return PASS;
    case 'ambiguous': return ambiguousUri(ctx.call);
    case 'unregistered': return ctx.snapshot.config.registry.unregistered === 'policy' ? PASS : unregistered(ctx.call);
    case 'registered':
      if (entryOf(ctx.snapshot.registry, ctx.call.method, subjectOf(ctx.call)) === sought.registered) ctx.tool = { registered: sought.registered, hashAlg: undefined };
      return PASS;
  }
}

function unregistered(call: Pick<Call, 'name' | 'uri'>): Verdict {
  const [what, section] = call.name === '' ? ['resource', 'resources'] : ['prompt', 'prompts'];
  return deny('registry_tool_unknown', {
    reasonCode: `${what}_unregistered`, message: `The ${what} is not registered.`, details: { [what]: subjectOf(call) },
    remediation: `Add it to the section ${section} of the capability registry, or let policies alone decide: registry.unregistered: policy.`,
  });
}

/** Which entry it falls under depends on who reads it: it could be judged as one place and read as another. */
function ambiguousUri({ uri, idText }: Pick<Call, 'uri' | 'idText'>): Verdict {
  const [reasonCode, message] = hasDotSegments(uri)
    ? ['uri_dot_segments', 'The URI has a segment . or .. (also percent-encoded): name the resource itself.']
    : ['uri_ambiguous', 'The URI can be read as another one (control characters, blanks at an end, \\, needless percent-encoding, dividers encoded or doubled): name the resource as it is listed.'];
  return denyByProtocol({ rpcCode: INVALID_PARAMS, httpStatus: 400, message, idText }, { reasonCode });
}

/** A mismatch stays until a person registers the tool again: no listing can heal it. */
function isFresh(state: ToolState, oldestMs: number): boolean {
  switch (state.kind) {
    case 'verified': return state.verifiedMs >= oldestMs;
    case 'mismatch': return true;
    case 'absent': return state.sinceMs >= oldestMs;
    case 'unknown': return false;
  }
}

function judge(slot: ToolSlot & { note(step: number, text: string): void; flag(step: number, text: string): void }, registered: RegisteredTool, state: ToolState): Verdict {
  switch (state.kind) {
    case 'verified':
      slot.tool = { registered, hashAlg: state.alg, marks: state.marks };
      if (state.changedMembers.length > 0) slot.flag(5, `changed outside the hash: ${state.changedMembers.join(', ')}`);
      else slot.note(5, `hash ${state.alg}`);
      return PASS;
    case 'mismatch':
      return deny('registry_hash_mismatch', {
        reasonCode: 'definition_changed',
        details: { tool: registered.name, registered_hash: registered.hash, served_hashes: state.served.hashes, command: `agw tools diff ${registered.name}` },
      });
    case 'absent':
      return deny('registry_tool_unverified', { reasonCode: 'not_served', details: { tool: registered.name, upstream: registered.upstream } });
    case 'unknown':
      return unverified(registered);
  }
}

function unverified(registered: RegisteredTool): Verdict {
  return deny('registry_tool_unverified', { reasonCode: 'upstream_not_listed', details: { tool: registered.name, upstream: registered.upstream }, retryAfterSeconds: 1 });
}
