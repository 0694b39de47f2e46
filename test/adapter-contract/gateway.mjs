// The built gateway before the contract's tool server: two agents with different rights, one approver, small limits; and its log as `agw audit search` shows it.
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { freePort } from '../../bench/support/ports.mjs';
import { startGatewayProgram } from '../../bench/support/programs.mjs';
import { environment, ROOT } from '../../scripts/run-command.mjs';

const spiffeId = (name) => `spiffe://poc.local/agents/mcp-client/${name}/dev`;
export const ALPHA = spiffeId('alpha');
export const BETA = spiffeId('beta');
const POLICY = `package precinct.authz

import rego.v1

allow if {
	input.caller_spiffe_id == "${ALPHA}"
	input.tool_name != "beta_only"
}

allow if {
	input.caller_spiffe_id == "${BETA}"
	input.tool_name in {"", "echo", "beta_only"}
}
`;
const MORE = { deed: { risk_level: 'critical' }, narrow: { rate_limit: { per_minute: 1, burst: 1 } } };
const RECORDS_MAX = 5000;
const OUTPUT_BYTES_MAX = 67_108_864;
const ANSWER_BYTES_MAX = 4_194_304; // what the gateway itself holds for a slow reader must be less than a flood

/** @param {string} upstream @param {readonly string[]} without tools that nobody registers */
async function registryOf(upstream, without = []) {
  const { servedBy } = await import('../../dist/cli/served-tools.js');
  const { tools: served } = await servedBy(upstream, undefined, { folder: ROOT, say: () => undefined });
  const tools = served.filter(({ name }) => !without.includes(name)).map(({ name, hashes, definitionHash }) => ({ name, hash: hashes.jcs, hash_alg: 'jcs', definition_hash: definitionHash, upstream, risk_level: 'low', description: 'as served', ...MORE[name] }));
  return JSON.stringify({ tools });
}

/** @param {string} upstream URL of the tool server */
export async function startContractGateway(upstream) {
  if (!existsSync(join(ROOT, 'dist', 'main.js'))) throw new Error('dist/ is not built: npm run build');
  const dir = mkdtempSync(join(tmpdir(), 'precinct-contract-'));
  cpSync(join(ROOT, 'config'), join(dir, 'config'), { recursive: true, filter: (path) => !path.endsWith('.rego') });
  const write = (name, text) => {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  };
  const port = await freePort();
  const config = {
    profile: 'dev', front: { port }, rate_limit: { per_minute: 1_000_000, burst: 100_000 }, upstream: { answer_bytes_max: ANSWER_BYTES_MAX },
    shutdown_grace_s: 1,
  };
  write('config/gateway.yaml', JSON.stringify(config));
  write('config/identities.yaml', JSON.stringify({ identities: [ALPHA, BETA].map((one) => ({ spiffe_id: one })) }));
  write('config/capability-registry-v2.yaml', await registryOf(upstream));
  write('config/opa/policies/contract.rego', POLICY);

  const start = () => startGatewayProgram(join(dir, 'config', 'gateway.yaml'));
  const agw = (...words) => new Promise((resolve) => {
    const env = environment({ NO_COLOR: '1', AGW_GATEWAY: '', AGW_CONFIG: '', AGW_STATE_DIR: '', AGW_JSON: '' });
    execFile(process.execPath, [join(ROOT, 'bin', 'agw'), ...words], { cwd: dir, env, maxBuffer: OUTPUT_BYTES_MAX }, (error, out, err) => resolve({ code: error === null ? 0 : error.code, output: out + err }));
  });
  let gateway = await start();
  const added = await agw('approver', 'add', 'alice');
  if (added.code !== 0) throw new Error(`no approver: ${added.output}`);
  return {
    url: gateway.url,
    dir,
    agw,
    /** Request records of this caller, oldest first. */
    async audit(caller, ...words) {
      const { output } = await agw('audit', 'search', '--json', '--last', String(RECORDS_MAX), '--caller', caller, ...words);
      return output.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
    },
    register: async (...without) => write('config/capability-registry-v2.yaml', await registryOf(upstream, without)),
    async verify() {
      const { code, output } = await agw('audit', 'verify');
      if (code !== 0) throw new Error(`the audit log is not whole: ${output}`);
    },
    down: () => gateway.stop(),
    async up() {
      gateway = await start();
    },
    async stop() {
      await gateway.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
