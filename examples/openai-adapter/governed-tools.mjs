// The gateway's tools as the model sees them, and its calls as the gateway decides them: a result, a tool's failure, or a refusal, each as text that the model can act on.
import { createHash } from 'node:crypto';
import { ApprovalTimeoutError, CallTimeoutError, GatewayError, ProtocolError, TransportError } from '@precinct/sdk';
import { ApiError } from './errors.mjs';
import { parsedObject } from './json.mjs';

const NAME_CHARS_MAX = 64; // of a function's name (OpenAI API reference, function definitions)
const HASH_CHARS = 8;

/**
 * @typedef {{ id: string, tool: string, outcome: 'result' | 'tool_error' | 'refused' | 'failed', refusal?: Record<string, unknown>, trace_id?: string }} Report
 * @typedef {{ output: string, report: Report }} Done
 * @typedef {{ id: string, name: string, arguments: string }} Wanted
 */

export class GovernedTools {
  /** @type {Map<string, string>} name for the model → the tool's own */
  #names = new Map();
  #gateway;
  #limits;
  #taken;
  #tools;

  /**
   * @param {import('@precinct/sdk').GatewayClient} gateway
   * @param {readonly import('@precinct/sdk').Tool[]} tools what this caller may see
   * @param {ReadonlySet<string>} taken names of the client's own tools
   * @param {import('./config.mjs').Config['limits']} limits
   */
  constructor(gateway, tools, taken, limits) {
    this.#gateway = gateway;
    this.#taken = taken;
    this.#tools = tools;
    this.#limits = limits;
    for (const { name } of tools) this.#names.set(freeName(name, (one) => taken.has(one) || this.#names.has(one)), name);
  }

  /** @param {import('@precinct/sdk').GatewayClient} gateway @param {ReadonlySet<string>} taken @param {import('./config.mjs').Config['limits']} limits @param {AbortSignal} signal */
  static async of(gateway, taken, limits, signal) {
    try {
      return new GovernedTools(gateway, await gateway.listTools({ signal }), taken, limits);
    } catch (fault) {
      throw listingFailed(fault);
    }
  }

  /** @returns {{ name: string, description: string, parameters: unknown }[]} */
  definitions() {
    const byTool = new Map(this.#tools.map((tool) => [tool.name, tool]));
    return [...this.#names].map(([name, own]) => {
      const tool = byTool.get(own);
      return { name, description: String(tool?.['description'] ?? ''), parameters: tool?.['inputSchema'] ?? { type: 'object', properties: {} } };
    });
  }

  /** Whatever is not the client's own: a name that nobody offered is the gateway's to refuse, and to record. @param {unknown} name */
  has(name) {
    return typeof name === 'string' && !this.#taken.has(name);
  }

  /**
   * Runs what the model asked for in one turn, at most so many at once; in the order in which it asked.
   * @param {readonly Wanted[]} wanted @param {AbortSignal} signal @returns {Promise<Done[]>}
   */
  async callAll(wanted, signal) {
    /** @type {Done[]} */
    const done = [];
    let next = 0;
    const worker = async () => {
      while (next < wanted.length && !signal.aborted) {
        const at = next++;
        const one = /** @type {Wanted} */ (wanted[at]);
        done[at] = at < this.#limits.calls_per_round ? await this.#call(one, signal) : failed(one, this.#toolOf(one), { code: 'too_many_calls', message: `More than ${this.#limits.calls_per_round} calls in one turn: this one was not made.` });
      }
    };
    await Promise.all(Array.from({ length: this.#limits.parallel_calls }, worker));
    signal.throwIfAborted();
    return done;
  }

  /** @param {Wanted} wanted @param {AbortSignal} signal @returns {Promise<Done>} */
  async #call(wanted, signal) {
    const tool = this.#toolOf(wanted);
    const args = parsedObject(wanted.arguments || '{}');
    if (args === undefined) return failed(wanted, tool, { code: 'invalid_arguments', message: 'The arguments are no JSON object: the call was not made.' });
    try {
      const result = await this.#gateway.callTool(tool, args, { signal });
      const output = this.#cut(textOf(result));
      if (result.isError) return { output: JSON.stringify({ error: 'tool_failed', output }), report: { id: wanted.id, tool, outcome: 'tool_error', trace_id: result.traceId } };
      return { output, report: { id: wanted.id, tool, outcome: 'result', trace_id: result.traceId } };
    } catch (fault) {
      signal.throwIfAborted();
      if (fault instanceof GatewayError) return refused(wanted, tool, fault);
      return failed(wanted, tool, failureOf(fault));
    }
  }

  /** @param {Wanted} wanted */
  #toolOf({ name }) {
    return this.#names.get(name) ?? name;
  }

  /** @param {string} text */
  #cut(text) {
    const bytes = Buffer.from(text);
    if (bytes.length <= this.#limits.output_bytes) return text;
    return `${bytes.subarray(0, this.#limits.output_bytes).toString('utf8')}\n[cut: ${bytes.length - this.#limits.output_bytes} bytes more]`;
  }
}

/** @param {Wanted} wanted @param {string} tool @param {GatewayError} refusal @returns {Done} */
function refused(wanted, tool, refusal) {
  const { code, message, reasonCode, middleware, step, decisionId, traceId, remediation, retryAfter, details } = refusal;
  const shown = withoutAbsent({
    code, reason: reasonCode ?? details?.['reason'], message, layer: middleware, step, remediation, retry_after_s: retryAfter, decision_id: decisionId, trace_id: traceId,
    approval: code === 'stepup_approval_required' ? withoutAbsent({ request_id: details?.['request_id'], command: details?.['command'], expires_at: details?.['expires_at'] }) : undefined,
    waited: refusal instanceof ApprovalTimeoutError ? true : undefined,
  });
  return { output: JSON.stringify({ error: 'refused_by_gateway', ...forModel(shown) }), report: { id: wanted.id, tool, outcome: 'refused', refusal: shown, ...(traceId === undefined ? {} : { trace_id: traceId }) } };
}

/** The command that approves a call is for a person, who finds it in the answer's `precinct`: a model that has a shell must not be handed it. @param {Record<string, unknown>} shown */
function forModel(shown) {
  const { approval } = shown;
  if (typeof approval !== 'object' || approval === null) return shown;
  const { request_id, expires_at } = /** @type {Record<string, unknown>} */ (approval);
  return { ...shown, remediation: 'A person must approve this call. Once that is done, make the identical call again.', approval: withoutAbsent({ request_id, expires_at }) };
}

/** @param {Wanted} wanted @param {string} tool @param {{ code: string, message: string, may_have_run?: boolean | undefined }} failure @returns {Done} */
function failed(wanted, tool, failure) {
  const shown = withoutAbsent(failure);
  return { output: JSON.stringify({ error: 'call_failed', ...shown }), report: { id: wanted.id, tool, outcome: 'failed', refusal: shown } };
}

/** @param {unknown} fault */
function failureOf(fault) {
  if (fault instanceof TransportError) return { code: 'gateway_unreachable', message: 'The gateway gave no answer.', may_have_run: fault.mayHaveRun };
  if (fault instanceof CallTimeoutError) return { code: 'timeout', message: 'The tool did not answer in time.', may_have_run: fault.mayHaveRun };
  if (fault instanceof ProtocolError) return { code: 'tool_server_error', message: fault.message };
  return { code: 'call_failed', message: fault instanceof Error ? `The call could not be made (${fault.name}).` : 'The call could not be made.' };
}

/** @param {unknown} fault */
function listingFailed(fault) {
  if (fault instanceof GatewayError) {
    const { code, message, reasonCode, decisionId, traceId, remediation, retryAfter, rpcCode, httpStatus } = fault;
    const status = [rpcCode, httpStatus].find((one) => one !== undefined && one >= 400) ?? 403; // within HTTP 200 it stands in the JSON-RPC error
    // 401 would speak of the client's key, which is right: it is the agent's identity that the gateway does not take.
    return new ApiError(status === 401 ? 403 : status, code, `The gateway refused to list the tools: ${message}`, { type: 'gateway_refused', retryAfter, details: withoutAbsent({ reason: reasonCode, remediation, decision_id: decisionId, trace_id: traceId }) });
  }
  return new ApiError(502, 'gateway_unreachable', 'The gateway gave no list of tools.', { type: 'api_error' });
}

/** @param {import('@precinct/sdk').ToolResult} result */
function textOf({ content, structuredContent }) {
  if (content.length > 0 && content.every(({ type }) => type === 'text')) return content.map((block) => String(block['text'] ?? '')).join('\n');
  return JSON.stringify(content.length > 0 ? content : structuredContent ?? []);
}

/** A name that a function may have: the tool's own where it can be, else one that is near and not taken. */
function freeName(/** @type {string} */ tool, /** @type {(name: string) => boolean} */ isTaken) {
  const plain = tool.replace(/[^a-zA-Z0-9_-]/g, '_');
  if (plain === tool && plain.length <= NAME_CHARS_MAX && !isTaken(plain)) return plain;
  for (let turn = 0; ; turn += 1) {
    const name = `${plain.slice(0, NAME_CHARS_MAX - HASH_CHARS - 1)}_${createHash('sha256').update(`${tool}\0${turn}`).digest('hex').slice(0, HASH_CHARS)}`;
    if (!isTaken(name)) return name;
  }
}

/** @param {Record<string, unknown>} members */
function withoutAbsent(members) {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
