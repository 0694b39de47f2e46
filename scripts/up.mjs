// make up: sets up what is missing, starts the demo server and the gateway in the background, plays one allowed and one denied call.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildId } from './build.mjs';
import { playDemo } from './demo.mjs';
import { DEMO_PORT, installation, load, loadConfig } from './installation.mjs';
import { isPortOpen, runningPid, startDetached, stop, waitUntilReady } from './processes.mjs';
import { bold, dim, done, runScript, say, Stop } from './say.mjs';
import { setUp } from './setup.mjs';

const READY_TIMEOUT_MS = 60_000; // a cold start compiles rules and policies on a slow machine

async function startDemoServer({ demo }) {
  const pid = runningPid(demo.pidFile, demo.part);
  if (pid !== undefined) return done(`demo MCP server already running (pid ${pid}) on http://127.0.0.1:${DEMO_PORT}/mcp`);
  const started = startDetached(demo.words, demo);
  await waitUntilReady({ ...demo, pid: started, timeoutMs: READY_TIMEOUT_MS, isReady: () => isPortOpen(DEMO_PORT) });
  done(`demo MCP server started (pid ${started}) on http://127.0.0.1:${DEMO_PORT}/mcp`);
}

async function startGateway({ gateway, configFile, stateDir }, config) {
  const port = config.front.port;
  const build = createHash('sha256').update(buildId()).update(readFileSync(configFile)).digest('hex');
  const pid = runningPid(gateway.pidFile, gateway.part);
  if (pid !== undefined && existsSync(gateway.buildFile) && readFileSync(gateway.buildFile, 'utf8') === build && (await answers(stateDir))) {
    return done(`gateway already running (pid ${pid}) on http://127.0.0.1:${port}`);
  }
  if (pid !== undefined) {
    say(`  the gateway (pid ${pid}) runs older code or an older config: restarting it`);
    await stop(gateway.pidFile, gateway.part);
  }
  const started = startDetached(gateway.words, gateway);
  await waitUntilReady({ ...gateway, pid: started, timeoutMs: READY_TIMEOUT_MS, isReady: () => isReady(port) });
  writeFileSync(gateway.buildFile, build);
  done(`gateway started (pid ${started}) on http://127.0.0.1:${port}, log ${gateway.log}`);
}

async function answers(stateDir) {
  const { controlClient } = await load('cli/control-client.js');
  return controlClient(join(stateDir, 'control.sock')).get('/v1/status').then(() => true, () => false);
}

async function isReady(port) {
  try {
    return (await fetch(`http://127.0.0.1:${port}/ready`, { signal: AbortSignal.timeout(2000) })).status === 200;
  } catch {
    return false;
  }
}

/** Both, before anything is started: nothing is left half-started. */
async function refuseTakenPorts({ gateway, demo }, config) {
  if (runningPid(demo.pidFile, demo.part) === undefined) await refuseTakenPort(DEMO_PORT, 'the demo server');
  if (runningPid(gateway.pidFile, gateway.part) === undefined) await refuseTakenPort(config.front.port, 'the gateway');
}

async function refuseTakenPort(port, what) {
  if (port === 0 || !(await isPortOpen(port))) return;
  const { holderOf } = await load('cli/doctor/ports.js');
  const remedy = what === 'the gateway' ? `Stop it, or set front.port in config/gateway.yaml.` : 'Stop it, then run make up again.';
  throw new Stop(`Port ${port}, which ${what} needs, is taken by ${holderOf(port) ?? 'another process'}.`, remedy);
}

function printNextSteps(config, identity) {
  const url = `http://localhost:${config.front.port}`;
  const steps = [
    ['Put agw on the path', 'export PATH="$PWD/bin:$PATH"'],
    ['Is it healthy?', `curl ${url}/health`],
    ['Who may call', 'agw identity list'],
    ['Hash a tool, then register it in config/capability-registry-v2.yaml', 'agw inspect tools'],
    ['Write config/opa/policies/my_agent.rego, then', 'agw policy reload'],
    ['Ask before calling', `agw policy eval --caller ${identity} --tool my_tool --method tools/call`],
    ['Point any MCP client at', url],
    ['See what happened', `agw audit search --caller ${identity}`],
    ['One record', 'agw audit search --last 1 | jq .'],
  ];
  say(`\n${bold('Next')} ${dim('(the README walks through each)')}`);
  for (const [what, command] of steps) say(`  ${dim(`# ${what}`)}\n  ${command}`);
  say(`\n${dim('make down stops both, make demo plays the two calls again, agw doctor checks everything.')}`);
}

await runScript(async () => {
  await setUp();
  const here = installation();
  const config = await loadConfig();
  await refuseTakenPorts(here, config);
  await startDemoServer(here);
  await startGateway(here, config);
  const identity = await playDemo(here, config);
  printNextSteps(config, identity);
});
