// The process: reads its config, takes the state folder's lock, starts the threads, drains on SIGTERM, reloads on SIGHUP.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { systemClock } from '../base/clock/clock.js';
import { allowLargeHeaders, readEnvironment } from '../base/config/environment.js';
import { ConfigFault, describeFault, placeText, WHOLE_FILE } from '../base/config/fault.js';
import { loadGatewayConfig, placeInConfig, projectRoot, resolveInProject } from '../base/config/load.js';
import { packageVersion } from '../base/config/package-version.js';
import { describeSystemFault } from '../base/config/system-fault.js';
import { makeFolder } from '../base/store/make-folder.js';
import { startControl, type RunningControl } from './control.js';
import { describeSourceFault, describeSourceFaults } from './source-faults.js';

const EXIT_USAGE = 2;
const FOLDER_MODE = 0o700;
const LOCK_MODE = 0o600;

const USAGE = `precinct-gateway — the gateway process (make up starts it for you)

usage: node dist/main.js [--config FILE]

  --config FILE   the config file (default: config/gateway.yaml, or $AGW_CONFIG)
  --help          this text

signals: SIGHUP reloads, SIGTERM and SIGINT drain and stop. See docs/operations.md.
`;

/**
 * V8 would share each thread's scavenges among helper threads, which take the cores from the other gateway threads: on one core that costs
 * 25 of 175 µs CPU a call (measured 2026-11-24, Node 20, 64 connections).
 */
function collectOnOwnThread(): void {
  setFlagsFromString('--no-parallel-scavenge');
}

/**
 * A call runs through a hundred small functions, more than V8 inlines into one another by default (460 and 920 bytes of bytecode): with these
 * bounds the chain takes 10 % less (17.9 of 20.4 µs, measured 2026-11-24, Node 20).
 */
function inlineMore(): void {
  setFlagsFromString('--max-inlined-bytecode-size=1500');
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=4000');
}

/** Runs until it is told to stop; what ends it before is said, with its exit code. */
export async function runProcess(): Promise<void> {
  process.stderr.on('error', () => undefined); // whoever read it may go away: the gateway stays
  await main().catch((fault: unknown) => {
    say(describe(fault));
    if (isWrongLine(fault)) say('See node dist/main.js --help.');
    process.exit(isUsage(fault) ? EXIT_USAGE : 1);
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: 'string' }, help: { type: 'boolean', short: 'h' } }, strict: true });
  if (values.help === true) {
    process.stdout.write(USAGE);
    return;
  }
  const environment = readEnvironment();
  const configFile = values.config ?? environment.configFile ?? 'config/gateway.yaml';
  const config = loadGatewayConfig(configFile, environment);
  const root = projectRoot(configFile);
  const stateDir = resolveInProject(root, config.state_dir);
  makeStateDir(stateDir, environment.stateDir === undefined ? configFile : undefined);
  const unlock = lock(join(stateDir, 'gateway.pid'));
  allowLargeHeaders();
  collectOnOwnThread();
  inlineMore();

  let starting: Promise<RunningControl> | undefined;
  let stopping = false;
  const stop = async (code: number): Promise<void> => {
    if (stopping) return;
    stopping = true;
    // Its first thread serves before all have started: its calls are owed their answers and records, too.
    const running = await starting?.catch(() => undefined);
    await running?.stop().catch((fault: unknown) => say(describe(fault)));
    unlock();
    process.exit(code);
  };
  process.on('SIGTERM', () => void stop(0));
  process.on('SIGINT', () => void stop(0));
  const reload = (running: RunningControl): Promise<unknown> => running.reload().catch((fault: unknown) => say(`reload refused: ${describe(fault)}`));
  process.on('SIGHUP', () => void starting?.then(reload, () => undefined));
  let running: RunningControl;
  try {
    starting = startControl({ root, configFile, config, version: packageVersion(), clock: systemClock, giveUp: () => void stop(1) });
    running = await starting;
    await running.listed; // a stop does not wait for slow tool servers
  } catch (fault) {
    unlock();
    throw fault;
  }
  if (stopping) return;
  for (const warning of running.warnings) say(`note: ${warning}`);
  for (const { kind, address } of running.listeners) say(`listening: ${kind === 'http' ? 'http' : 'https'}://${address}`);
}

/** `configFile`: where it is written; undefined when the environment names it. */
function makeStateDir(stateDir: string, configFile: string | undefined): void {
  try {
    makeFolder(stateDir, FOLDER_MODE);
  } catch (fault) {
    const code = fault instanceof Error && 'code' in fault ? String(fault.code) : 'unknown';
    const cause = code === 'EEXIST' || code === 'ENOTDIR' ? 'is, or lies below, something that is not a folder' : `can't be made (${code})`;
    const place = configFile === undefined ? { file: 'AGW_STATE_DIR', ...WHOLE_FILE } : placeInConfig(configFile, ['state_dir']);
    throw new ConfigFault(`state_dir: ${stateDir} ${cause}.`, { ...place, remedy: 'Remove it, or name another folder.' });
  }
}

/** One gateway per state folder. A file left by a process that no longer lives is taken over. */
function lock(path: string): () => void {
  const take = (): void => writeFileSync(path, `${process.pid}\n`, { flag: 'wx', mode: LOCK_MODE });
  try {
    take();
  } catch (fault) {
    if (!existsSync(path)) throw fault;
    const pid = Number(readFileSync(path, 'utf8'));
    if (Number.isInteger(pid) && pid > 0 && isGateway(pid)) {
      throw new ConfigFault(`another gateway (pid ${pid}) uses this state folder.`, { file: path, ...WHOLE_FILE, remedy: 'Stop it with make down, or set another state_dir.' });
    }
    rmSync(path);
    take();
  }
  return () => rmSync(path, { force: true });
}

/** After a reboot another process may have the pid, and one that ended may still stand in the table: where /proc tells, it decides. */
function isGateway(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (fault) {
    return fault instanceof Error && 'code' in fault && fault.code === 'EPERM';
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('main.js');
  } catch {
    return true;
  }
}

function describe(fault: unknown): string {
  if (fault instanceof ConfigFault) return describeFault(fault);
  const refused = describeSystemFault(fault);
  if (refused !== undefined) return `${refused.message} ${refused.remedy}`;
  return describeSourceFaults(fault).map(({ message, file, line, column, remedy }) => `${file === undefined ? '' : `${placeText({ file, line, column })}: `}${message}${remedy === undefined ? '' : ` ${remedy}`}`).join('\n');
}

/** A wrong command line, or a file that a person wrote, whichever thread found it wrong. */
function isUsage(fault: unknown): boolean {
  return isWrongLine(fault) || describeSourceFault(fault).file !== undefined;
}

function isWrongLine(fault: unknown): boolean {
  return fault instanceof Error && 'code' in fault && String(fault.code).startsWith('ERR_PARSE_ARGS');
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
