// The cases of the wire matrix: each a call, a number of connections, and the gateway's settings it needs. Cases of one setting share their servers.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CALLER } from './servers.mjs';

const KIB = 1024;
const BASE = { setting: 'plain', bytes: KIB, connections: 64, refused: 0 };
const STRANGER = 'spiffe://poc.local/agents/mcp-client/stranger/dev'; // known, but no policy permits it anything
const LEAKING = 'spiffe://poc.local/agents/mcp-client/leaking/dev'; // one of its own, so that its risk is not the others'
const KEY = `AKIA${'AB'.repeat(8)} `;
const ALL = ['nginx', 'direct', 'bare', 'gateway'];
const BESIDE_NGINX = ['nginx', 'gateway'];

/** In the order of the table. `call` is what nginx and the others get, too; `fresh`: no two calls alike; `refused` is the share of the gateway's calls that must be refused. */
export const CASES = [
  { name: '1 KiB', only: '1k' },
  { name: '1 KiB, by autocannon', only: 'autocannon', by: 'autocannon', targets: BESIDE_NGINX },
  { name: '16 KiB', only: '16k', bytes: 16 * KIB },
  { name: '1 MiB', only: '1m', bytes: KIB * KIB, connections: 16 }, // 64 such bodies at once are an address's whole share
  { name: 'denied by the registry (5)', only: 'denied5', call: { tool: 'not_registered' }, refused: 1, targets: BESIDE_NGINX },
  { name: 'denied by the policy (6)', only: 'denied6', call: { caller: STRANGER }, refused: 1, targets: BESIDE_NGINX },
  { name: 'denied by the scan (7)', only: 'denied7', call: { caller: LEAKING, start: KEY }, refused: 1, targets: BESIDE_NGINX },
  { name: '1 connection', only: 'c1', connections: 1 },
  { name: '16 connections', only: 'c16', connections: 16 },
  { name: '1,000 connections', only: 'c1000', connections: 1000 },
  { name: 'policy decided anew', only: 'miss', setting: 'arguments', fresh: true },
  { name: 'with gitleaks\' rules', only: 'rules', setting: 'gitleaks' },
  { name: 'answer as SSE', only: 'sse', setting: 'sse', call: { accept: 'application/json, text/event-stream' } },
].map((one) => ({ ...BASE, targets: ALL, call: {}, fresh: false, by: 'wrk', ...one }));

const ruleFor = (caller, more = '') => `allow if {\n\tinput.caller_spiffe_id == "${caller}"\n\tinput.tool_name == "echo"\n${more}}\n`;
const policy = (...rules) => `package precinct.authz\n\nimport rego.v1\n\n${rules.join('\n')}`;

/** What each setting writes into the gateway's project before it starts. `rules` is the YAML of gitleaks' rules, for the setting that needs it. */
export function prepare(setting, rules) {
  return (project) => {
    const config = (...name) => join(project, 'config', ...name);
    writeFileSync(config('identities.yaml'), JSON.stringify({ identities: [CALLER, STRANGER, LEAKING].map((id) => ({ spiffe_id: id })) }));
    const rego = {
      // The text is another one in each call, and the policy reads it: neither cache has seen it.
      arguments: policy(ruleFor(CALLER, '\tnot startswith(input.arguments.text, "never")\n')),
    }[setting] ?? policy(ruleFor(CALLER), ruleFor(LEAKING));
    writeFileSync(config('opa', 'policies', 'bench.rego'), rego);
    if (setting === 'gitleaks') writeFileSync(config('dlp', 'gitleaks.yaml'), rules);
  };
}

/** How many rules a project's own files hold. */
export function ownRules(folder, names) {
  return names.reduce((sum, name) => sum + [...readFileSync(join(folder, name), 'utf8').matchAll(/^ {2}- id:/gm)].length, 0);
}
