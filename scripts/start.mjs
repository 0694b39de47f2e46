// Starts the demo server and the gateway in the background, or finds them running. Should one fail, what this run started is stopped again.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from './installation.mjs';
import { isPortOpen, runningPid, startDetached, stop, waitUntilReady } from './processes.mjs';
import { done, say } from './say.mjs';

const READY_TIMEOUT_MS = 60_000; // a cold start compiles rules and policies on a slow machine

/** `built` names what is built: a gateway of another build is restarted. */
export async function startBoth(here, config, built) {
  const started = [];
  try {
    await startDemoServer(here, started);
    await startGateway(here, config, built, started);
  } catch (error) {
    await stopAgain(started);
    throw error;
  }
}

/** What this run started and no more: what ran before goes on. */
async function stopAgain(started) {
  for (const process of started.reverse()) if (await stop(process.pidFile, process.part)) say(`  stopped ${process.what} again`);
}

/** `started` gets what this run has to stop again should a later step fail. */
async function startDemoServer({ demo }, started) {
  const running = runningPid(demo.pidFile, demo.part);
  if (running !== undefined) return done(`demo MCP server already running (pid ${running}) on http://127.0.0.1:${demo.port}/mcp`);
  const { pid, logFrom } = startDetached(demo.words, demo);
  started.push(demo);
  await waitUntilReady({ ...demo, pid, logFrom, timeoutMs: READY_TIMEOUT_MS, isReady: () => isPortOpen(demo.port) });
  done(`demo MCP server started (pid ${pid}) on http://127.0.0.1:${demo.port}/mcp`);
}

async function startGateway({ gateway, configFile, stateDir }, config, built, started) {
  const port = config.front.port;
  const build = createHash('sha256').update(built).update(readFileSync(configFile)).digest('hex');
  const running = runningPid(gateway.pidFile, gateway.part);
  const status = running === undefined ? undefined : await statusOf(stateDir);
  const isSame = status !== undefined && existsSync(gateway.buildFile) && readFileSync(gateway.buildFile, 'utf8') === build;
  const gained = isSame ? await variablesGained(status) : [];
  if (isSame && gained.length === 0) return done(`gateway already running (pid ${running}) on http://127.0.0.1:${port}`);
  if (running !== undefined) {
    say(`  the gateway (pid ${running}) ${gained.length > 0 ? `was started without ${gained.join(', ')}, which a tool server wants` : 'runs older code or an older config'}: restarting it`);
    await stop(gateway.pidFile, gateway.part);
  }
  const { pid, logFrom } = startDetached(gateway.words, gateway);
  started.push(gateway);
  await waitUntilReady({ ...gateway, pid, logFrom, timeoutMs: READY_TIMEOUT_MS, isReady: () => isReady(port) });
  writeFileSync(gateway.buildFile, build);
  done(`gateway started (pid ${pid}) on http://127.0.0.1:${port}, log ${gateway.log}`);
}

/** Undefined: it does not answer. */
async function statusOf(stateDir) {
  const { controlClient } = await load('cli/control-client.js');
  return controlClient(join(stateDir, 'control.sock')).get('/v1/status').catch(() => undefined);
}

/** Variables that the registry names, that the running gateway lacks, and that are set here: a process keeps those of its start. */
async function variablesGained({ upstreams = [] }) {
  const { lackedVariables } = await load('base/config/environment.js');
  return [...new Set(lackedVariables(JSON.stringify(upstreams)))].filter((name) => (process.env[name] ?? '') !== '');
}

async function isReady(port) {
  try {
    return (await fetch(`http://127.0.0.1:${port}/ready`, { signal: AbortSignal.timeout(2000) })).status === 200;
  } catch {
    return false;
  }
}
