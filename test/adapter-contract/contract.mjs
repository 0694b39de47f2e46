// The duties of an adapter, one case each. A case gets the surroundings and throws where the duty is not done; `needs` names what a protocol may not have.
import { callCases } from './cases/calls.mjs';
import { identityCases } from './cases/identity.mjs';
import { refusalCases } from './cases/refusals.mjs';
import { flowCases } from './cases/flow.mjs';
import { faultCases } from './cases/faults.mjs';

/** The last group restarts things: it comes last. */
export const CASES = [...identityCases, ...callCases, ...refusalCases, ...flowCases, ...faultCases];

/** The table of docs/adapters.md. */
export function dutiesTable() {
  return ['| case | duty | needs |', '|---|---|---|', ...CASES.map(({ id, duty, needs = '' }) => `| ${id} | ${duty} | ${needs} |`)].join('\n');
}
