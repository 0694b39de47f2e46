// Where this checkout keeps its state, and how its two processes are started: one place for up, down and demo.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './run-command.mjs';
import { Stop } from './say.mjs';

const DEMO_PORT = 9191;
const CONFIG_FILE = resolve(process.env.AGW_CONFIG || join(ROOT, 'config', 'gateway.yaml'));

/** Also without a build: make down must work on a broken checkout. */
export function installation() {
  const text = existsSync(CONFIG_FILE) ? readFileSync(CONFIG_FILE, 'utf8') : '';
  const written = /^state_dir:[ \t]*["']?([^"'#\n]+)/m.exec(text)?.[1]?.trim() ?? '.precinct';
  const stateDir = process.env.AGW_STATE_DIR ? resolve(process.env.AGW_STATE_DIR) : resolve(dirname(dirname(CONFIG_FILE)), written);
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new Stop(`the state folder ${stateDir} can't be made (${error.code}): is there a file of that name?`, 'Remove it, or name another folder: state_dir in config/gateway.yaml.');
  }
  const at = (name) => join(stateDir, name);
  return {
    configFile: CONFIG_FILE,
    stateDir,
    gateway: { what: 'the gateway', words: [join(ROOT, 'dist', 'main.js'), '--config', CONFIG_FILE], part: join('dist', 'main.js'), pidFile: at('gateway.pid'), log: at('gateway.log'), writesPidFile: true, buildFile: at('gateway.build') },
    demo: { what: 'the demo server', words: [join(ROOT, 'examples', 'demo-server', 'server.mjs'), '--port', String(DEMO_PORT)], part: join('demo-server', 'server.mjs'), port: DEMO_PORT, pidFile: at('demo.pid'), log: at('demo.log') },
  };
}

/** The checked config; a fault stops with its lines. */
export async function loadConfig() {
  const { loadGatewayConfig } = await load('base/config/load.js');
  const { readEnvironment } = await load('base/config/environment.js');
  try {
    return loadGatewayConfig(CONFIG_FILE, readEnvironment());
  } catch (error) {
    if (error?.name !== 'ConfigFault') throw error;
    const { describeFault } = await load('base/config/fault.js');
    throw new Stop(describeFault(error), 'Repair the file; agw config check checks it.');
  }
}

/** A module of the built gateway. */
export function load(path) {
  return import(pathToFileURL(join(ROOT, 'dist', path)).href);
}
