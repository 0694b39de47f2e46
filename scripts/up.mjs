// make up: sets up what is missing, starts the demo server and the gateway in the background, plays one allowed and one denied call.
import { buildId } from './build.mjs';
import { playDemo } from './demo.mjs';
import { installation, load, loadConfig } from './installation.mjs';
import { isPortOpen, runningPid } from './processes.mjs';
import { bold, dim, runScript, say, Stop } from './say.mjs';
import { setUp } from './setup.mjs';
import { startBoth } from './start.mjs';

/** Both, before anything is started: nothing is left half-started. */
async function refuseTakenPorts({ gateway, demo }, config) {
  if (runningPid(demo.pidFile, demo.part) === undefined) await refuseTakenPort(demo.port, 'the demo server');
  if (runningPid(gateway.pidFile, gateway.part) === undefined) await refuseTakenPort(config.front.port, 'the gateway');
}

async function refuseTakenPort(port, what) {
  if (port === 0 || !(await isPortOpen(port))) return;
  const { holderOf } = await load('cli/doctor/ports.js');
  const remedy = what === 'the gateway' ? `Stop it, or set front.port in config/gateway.yaml.` : 'Stop it, then run make up again; this port is fixed, as the registry names it. The gateway starts without the demo, too: node dist/main.js --config config/gateway.yaml';
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
  await startBoth(here, config, buildId());
  const identity = await playDemo(here, config);
  printNextSteps(config, identity);
});
