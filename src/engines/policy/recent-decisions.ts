// The decisions asked for last, in front of the cache: for a policy set that reads nothing but caller, tool and method, so that no key need be built.
import type { PolicyDecision, PolicyFacts } from './types.js';

const PLACES = 256;
const TOOL_CHARS_MAX = 256; // the table holds texts as they came: what is longer is found by its key alone

interface Recent {
  readonly caller: string;
  readonly tool: string;
  readonly method: string;
  readonly decision: PolicyDecision;
}

/** A table of a fixed size, beside policy.cache_entries, in which a newer decision takes the place of an older one. */
export class RecentDecisions {
  readonly #places: (Recent | undefined)[] = new Array<Recent | undefined>(PLACES).fill(undefined);

  find({ callerSpiffeId: caller, toolName: tool, method }: PolicyFacts): PolicyDecision | undefined {
    const recent = this.#places[placeOf(caller, tool, method)];
    return recent !== undefined && recent.caller === caller && recent.tool === tool && recent.method === method ? recent.decision : undefined;
  }

  note({ callerSpiffeId: caller, toolName: tool, method }: PolicyFacts, decision: PolicyDecision): void {
    if (tool.length <= TOOL_CHARS_MAX) this.#places[placeOf(caller, tool, method)] = { caller, tool, method, decision };
  }

  clear(): void {
    this.#places.fill(undefined);
  }
}

/** Any place will do, as long as it is always the same for the same three. Callers of one fleet differ late in their ids, tools anywhere. */
function placeOf(caller: string, tool: string, method: string): number {
  const { length: c } = caller;
  const { length: t } = tool;
  return (c * 3 + unit(caller, c - 1) * 7 + unit(caller, c - 5) * 11 + unit(caller, c - 8) * 13 + t * 17 + unit(tool, 0) * 19 + unit(tool, t >> 1) * 23 + unit(tool, t - 1) * 29 + method.length) % PLACES;
}

function unit(text: string, at: number): number {
  return at >= 0 && at < text.length ? text.charCodeAt(at) : 0;
}
