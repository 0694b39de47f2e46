// What both endpoints share: which tools are whose, how long the loop goes on, and the sums and reports of a whole answer.
import { ApiError } from './errors.mjs';
import { GovernedTools } from './governed-tools.mjs';

/** A tool that the model server runs by itself would never cross the gateway. */
const CLIENT_TOOL_TYPES = new Set(['function', 'custom']);

/**
 * @typedef {{
 *   body: Record<string, unknown>, agent: import('./agents.mjs').Agent, model: import('./model-server.mjs').ModelServer,
 *   limits: import('./config.mjs').Config['limits'], signal: AbortSignal, ledger: Ledger,
 * }} Turn
 */

/** @param {Record<string, unknown>} body @returns {Record<string, unknown>[]} the tools that the client brought */
export function clientToolsOf(body) {
  const tools = body['tools'] ?? [];
  if (!Array.isArray(tools)) throw new ApiError(400, 'invalid_tools', 'tools must be an array.', { param: 'tools' });
  const hosted = tools.find((tool) => !CLIENT_TOOL_TYPES.has(tool?.type));
  if (hosted !== undefined) throw new ApiError(400, 'hosted_tool_refused', 'Only tools of type function or custom are taken: what the model server runs by itself would not cross the gateway.', { param: 'tools' });
  return tools;
}

/** @param {Turn} turn @param {readonly Record<string, unknown>[]} clientTools */
export function governedTools({ agent, limits, signal }, clientTools) {
  const names = clientTools.map((tool) => /** @type {{ name?: unknown } | undefined} */ (tool[String(tool['type'])])?.name ?? tool['name']).filter((name) => typeof name === 'string');
  return GovernedTools.of(agent.gateway, new Set(names), limits, signal);
}

/** What the model is asked in this turn, `items` being all that was said. @param {Record<string, unknown>} base @param {Record<string, readonly unknown[]>} items @param {number} round @param {boolean} isLast */
export function request(base, items, round, isLast) {
  const choice = base['tools'] === undefined ? undefined : choiceOf(base['tool_choice'], round, isLast);
  return { ...without(base, ['tool_choice']), ...items, ...(choice === undefined ? {} : { tool_choice: choice }) };
}

/** The first turn is the client's to force; were it forced again, it would never end. */
function choiceOf(/** @type {unknown} */ given, /** @type {number} */ round, /** @type {boolean} */ isLast) {
  if (isLast) return 'none';
  const forces = given === 'required' || (typeof given === 'object' && given !== null);
  return round > 0 && forces ? 'auto' : given;
}

/** Members that are numbers are added up, at any depth. @param {unknown} one @param {unknown} other @returns {unknown} */
export function added(one, other) {
  if (typeof one === 'number' && typeof other === 'number') return one + other;
  if (typeof one !== 'object' || one === null || typeof other !== 'object' || other === null) return other ?? one;
  return Object.fromEntries([...new Set([...Object.keys(one), ...Object.keys(other)])].map((key) => [key, added(/** @type {Record<string, unknown>} */ (one)[key], /** @type {Record<string, unknown>} */ (other)[key])]));
}

/** @param {Record<string, unknown>} object @param {readonly string[]} names @returns {Record<string, unknown>} */
export function without(object, names) {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
}

/** What was called for one answer, and what was asked for and not run. */
export class Ledger {
  /** @type {import('./governed-tools.mjs').Report[]} */
  #reports = [];
  /** @type {string[]} */
  #deferred = [];
  #exhausted = false;

  /** @param {readonly import('./governed-tools.mjs').Report[]} reports */
  add(reports) {
    this.#reports.push(...reports);
  }

  /** Whether the answer is the client's now: what the model asked for of the gateway's tools is then not run. @param {readonly string[]} governed @param {readonly unknown[]} own @param {boolean} isLast */
  isOver(governed, own, isLast) {
    if (governed.length > 0 && own.length === 0 && !isLast) return false;
    this.#deferred.push(...governed);
    this.#exhausted = governed.length > 0 && isLast;
    return true;
  }

  get reports() {
    return this.#reports;
  }

  /** The member `precinct` of the answer; undefined = no tool of the gateway was asked for. */
  get member() {
    if (this.#reports.length === 0 && this.#deferred.length === 0) return undefined;
    return { calls: this.#reports, ...(this.#deferred.length === 0 ? {} : { not_run: this.#deferred }), ...(this.#exhausted ? { rounds_exhausted: true } : {}) };
  }
}
