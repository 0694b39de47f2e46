// A gateway in front of one tool server, with all 13 layers at work: its tools registered with their hashes, a policy for one caller, DLP, a guard, durable audit. Needs the built program.
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { startGatewayProgram } from '../../bench/support/programs.mjs';
import { ROOT } from '../../scripts/run-command.mjs';

const AGENT = 'my-agent';
const ENVIRONMENT = 'dev';
const CALLER = `spiffe://poc.local/agents/mcp-client/${AGENT}/${ENVIRONMENT}`;
/** A suite is one caller in a hurry. */
const RATE = { per_minute: 1_000_000, burst: 100_000 };
const policy = (refused) => `package precinct.authz\n\nimport rego.v1\n\nallow if {\n\tinput.caller_spiffe_id == "${CALLER}"\n\tinput.tool_name != "${refused}"\n}\n`;
/** Makes an upstream known that serves no tool: what is not in the registry is not reached. */
const NO_TOOL = { name: 'served_by_nobody', hash: '0'.repeat(64) };

/** The guard of layer 10: a small classifier that finds nothing. */
async function startGuard() {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('[{"label":"BENIGN","score":0.99}]'));
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', () => resolve(undefined)); });
  return { url: `http://127.0.0.1:${server.address().port}/classify`, close: () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }) };
}

async function registrationsOf(upstream) {
  const { servedBy } = await import('../../dist/cli/served-tools.js');
  const { tools } = await servedBy(upstream, undefined, { folder: ROOT, say: () => undefined });
  const entries = tools.map(({ name, hashes, definitionHash }) => ({ name, hash: hashes.jcs, hash_alg: 'jcs', definition_hash: definitionHash }));
  return (entries.length === 0 ? [NO_TOOL] : entries).map((entry) => ({ ...entry, upstream, risk_level: 'low', description: 'as served' }));
}

function makeProject(files) {
  const dir = mkdtempSync(join(tmpdir(), 'precinct-before-'));
  cpSync(join(ROOT, 'config'), join(dir, 'config'), { recursive: true, filter: (path) => !path.endsWith('.rego') });
  for (const [name, value] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), typeof value === 'string' ? value : JSON.stringify(value));
  }
  return dir;
}

/** @param {string} upstream URL of the tool server @param {{ refused?: string }} [options] `refused`: the one tool that the policy forbids */
export async function startGatewayBefore(upstream, { refused = 'none of them' } = {}) {
  if (!existsSync(join(ROOT, 'dist', 'main.js'))) throw new Error('dist/ is not built: npm run build');
  const tools = await registrationsOf(upstream);
  const guard = await startGuard();
  const config = { profile: 'dev', front: { port: 0 }, rate_limit: RATE, guard: { url: guard.url, kind: 'classify' }, audit: { intent: 'all' } };
  const dir = makeProject({ 'config/gateway.yaml': config, 'config/capability-registry-v2.yaml': { tools }, 'config/opa/policies/suite.rego': policy(refused) });
  const leave = async () => {
    await guard.close();
    rmSync(dir, { recursive: true, force: true });
  };
  const gateway = await startGatewayProgram(join(dir, 'config', 'gateway.yaml')).catch(async (fault) => {
    await leave();
    throw fault;
  });
  return {
    /** The way in that names its caller: the suite's clients can send no header of their own. */
    url: new URL(`/as/${AGENT}/${ENVIRONMENT}/mcp`, gateway.url).href,
    dir,
    /** Request lines of the audit log, oldest first. */
    records: () => readFileSync(join(dir, '.precinct', 'audit', 'audit.jsonl'), 'utf8').split('\n').filter((line) => line.includes('"type":"request"')).map((line) => JSON.parse(line)),
    /** Whether `agw audit verify` finds the log whole. */
    verify: () => new Promise((resolve) => { execFile(process.execPath, [join(ROOT, 'bin', 'agw'), 'audit', 'verify'], { cwd: dir }, (error, out) => resolve({ whole: error === null, said: out.trim() })); }),
    async stop() {
      await gateway.stop();
      await leave();
    },
  };
}
