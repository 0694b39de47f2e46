// A gateway project for the benches of start and memory: the shipped files, with more DLP rules and more policies.
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './ports.mjs';
import { cpuMsOf } from './process-cost.mjs';
import { startGatewayProgram } from './programs.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DATA = ['dlp', 'opa', 'risk_thresholds.yaml', 'destinations.yaml', 'session_chains.yaml', 'identities.yaml', 'capability-registry-v2.yaml'];
export const callerOf = (n) => `spiffe://poc.local/agents/mcp-client/agent-${n}/dev`;

/** Fills `dir`: as many DLP rules as asked for, the shipped ones among them, and one file for each further policy. The port is free. */
export async function makeProject(dir, { rules = 0, policies = 0, config = {} } = {}) {
  mkdirSync(join(dir, 'config'), { recursive: true });
  for (const name of DATA) cpSync(join(ROOT, 'config', name), join(dir, 'config', name), { recursive: true });
  cpSync(join(ROOT, 'policies'), join(dir, 'policies'), { recursive: true });
  const shipped = readdirSync(join(dir, 'config', 'dlp')).map((name) => readFileSync(join(dir, 'config', 'dlp', name), 'utf8').match(/^ {2}- id:/gm)?.length ?? 0).reduce((a, b) => a + b, 0);
  if (rules > shipped) writeFileSync(join(dir, 'config', 'dlp', 'many.yaml'), `rules:\n${Array.from({ length: rules - shipped }, (_, n) => ruleText(n)).join('')}`);
  for (let n = 0; n < policies; n++) writeFileSync(join(dir, 'config', 'opa', 'policies', `agent_${n}.rego`), policyText(n));
  const port = await freePort();
  writeFileSync(join(dir, 'config', 'gateway.yaml'), JSON.stringify({ profile: 'dev', log_level: 'warn', ...config, front: { port, ...config.front } }));
  return { dir, port, configFile: join(dir, 'config', 'gateway.yaml') };
}

/** Of the shape most provider keys have: a prefix of its own, then a run of letters and digits. */
function ruleText(n) {
  return `  - {id: vendor-${n}, category: credentials, description: key of vendor ${n}, pattern: '\\bvnd${n}_[A-Za-z0-9]{${20 + (n % 20)}}\\b', keywords: [vnd${n}_], hits: ['vnd${n}_\${Ab1*20}', 'key=vnd${n}_\${xY9*20};'], misses: ['vnd${n}_\${Ab1*3}', 'vnx${n}_\${Ab1*20}']}\n`;
}

function policyText(n) {
  return `package precinct.authz\n\nimport rego.v1\n\nallow if {\n\tinput.caller_spiffe_id == "${callerOf(n)}"\n\tinput.tool_name == "tool_${n}"\n}\n`;
}

/** Starts the built gateway of a project; `readyMs`, and `readyCpuMs` of CPU, are from the spawn to its first `listening:` line. */
export async function startProject({ configFile }) {
  const began = performance.now();
  const gateway = await startGatewayProgram(configFile);
  return { ...gateway, readyMs: performance.now() - began, readyCpuMs: cpuMsOf(gateway.pid) };
}
