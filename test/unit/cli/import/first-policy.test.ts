// The first policy of a caller: exactly its tools, extended by later imports, and never over a person's edit.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { firstPolicy, policyText } from '../../../../src/cli/import/first-policy.js';
import { loadPolicySet } from '../../../../src/engines/policy/policy-set.js';
import { parseWorkloadId } from '../../../../src/engines/identity/spiffe-id.js';
import { decideQuestion } from '../../../../src/chain/policy-facts.js';
import { principalOf } from '../../../../src/engines/identity/principal.js';

const CALLER = 'spiffe://poc.local/agents/mcp-client/my-agent/dev';
const OPTIONS = { cacheEntries: 0, timeoutMs: 1000, sourceBytesMax: 1_000_000, clock: { nowMs: () => 0, monotonicMs: () => 0 } };
let dir = '';
beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'policy ')); });
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function decides(text: string, caller: string, method: string, tool: string): string {
  const id = parseWorkloadId(caller);
  if (id === undefined) throw new Error('no SPIFFE ID');
  const set = loadPolicySet([{ file: 'a.rego', text }], OPTIONS);
  try {
    return decideQuestion(set, { caller: { spiffeId: id, authMethod: 'header_declared', principal: principalOf(id, 'poc.local') }, toolName: tool, method, tool: undefined, argumentsJson: '{}' }, 0).kind;
  } finally {
    set.close();
  }
}

it('allows exactly its tools to its caller, and their list', () => {
  const text = policyText(CALLER, ['my_tool', 'odd "name"\\ {}']);
  const cases: [string, string, string, string][] = [[CALLER, 'tools/call', 'my_tool', 'allow'], [CALLER, 'tools/call', 'odd "name"\\ {}', 'allow'], [CALLER, 'tools/list', '', 'allow'], [CALLER, 'tools/call', 'bash', 'deny'], [CALLER, 'tools/call', 'my_tool2', 'deny'], [CALLER, 'prompts/get', 'my_tool', 'deny'], [CALLER, 'resources/list', '', 'deny'], [`${CALLER}x`, 'tools/call', 'my_tool', 'deny'], [`${CALLER}x`, 'tools/list', '', 'deny']];
  for (const [caller, method, tool, decision] of cases) expect([caller, method, tool, decides(text, caller, method, tool)]).toEqual([caller, method, tool, decision]);
});

it('extends its own file, and is silent when all is there', () => {
  const first = firstPolicy(dir, CALLER, ['b', 'a', 'b']);
  if (first === undefined) throw new Error('nothing');
  expect([first.file, first.tools]).toEqual([join(dir, 'import_my_agent_dev.rego'), ['a', 'b']]);
  writeFileSync(first.file, first.text);
  expect(firstPolicy(dir, CALLER, ['a'])).toBeUndefined();
  expect(firstPolicy(dir, CALLER, ['c', 'odd }\n\t}'])).toMatchObject({ file: first.file, tools: ['a', 'b', 'c', 'odd }\n\t}'], before: first.text });
});

it('writes beside a file that a person has edited', () => {
  const text = policyText(CALLER, ['a']);
  writeFileSync(join(dir, 'import_my_agent_dev.rego'), `${text}# mine\n`);
  expect(firstPolicy(dir, CALLER, ['a'])).toMatchObject({ file: join(dir, 'import_my_agent_dev_2.rego'), tools: ['a'], before: '' });
});

it('has a file for each caller', () => {
  expect(firstPolicy(dir, 'spiffe://poc.local/workload/x', ['a'])?.file).toBe(join(dir, 'import_workload_x.rego'));
});
