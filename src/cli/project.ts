// Which installation a command speaks of: its config file, root and state folder.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Environment } from '../base/config/environment.js';
import type { GatewayConfig } from '../base/config/schema.js';
import { CliFailure } from './failure.js';

export interface Project {
  /** The folder that holds config/. */
  readonly root: string;
  readonly configFile: string;
  readonly stateDir: string;
  readonly socketPath: string;
  /** --gateway as it was typed, where that is not this project's own. */
  readonly otherGateway: string | undefined;
  /** The whole config, checked. Throws ConfigFault. */
  config(): Promise<GatewayConfig>;
  /** An absolute path for one written in the config. */
  path(written: string): string;
}

export interface ProjectChoice {
  /** --config */
  readonly configFile: string | undefined;
  /** --gateway */
  readonly gateway: string | undefined;
  /** Where the search starts. */
  readonly workingDir: string;
  /** The folder this CLI is installed in: the last resort. */
  readonly installedIn: string;
}

const CONFIG_IN_PROJECT = join('config', 'gateway.yaml');

export function findProject(choice: ProjectChoice, environment: Environment): Project {
  const named = choice.configFile ?? environment.configFile;
  const configFile = named === undefined ? searchUpwards(choice) : resolve(choice.workingDir, named);
  if (named !== undefined && !existsSync(configFile)) throw new CliFailure(`there is no config file ${named}.`, { remedy: `${choice.configFile === undefined ? 'AGW_CONFIG' : '--config'} names a file; without it, config/gateway.yaml here or above is taken.`, code: 'not_found' });
  const root = dirname(dirname(configFile));
  let stateDir: string | undefined;
  const findStateDir = (): string => (stateDir ??= environment.stateDir === undefined ? resolve(root, writtenStateDir(configFile)) : resolve(choice.workingDir, environment.stateDir));
  return {
    root,
    configFile,
    get stateDir() {
      return findStateDir();
    },
    get socketPath() {
      return choice.gateway ?? environment.gateway ?? join(findStateDir(), 'control.sock');
    },
    get otherGateway() {
      return choice.gateway === undefined || resolve(choice.workingDir, choice.gateway) === join(findStateDir(), 'control.sock') ? undefined : choice.gateway;
    },
    config: async () => {
      const { loadGatewayConfig } = await import('../base/config/load.js');
      return loadGatewayConfig(configFile, environment);
    },
    path: (written) => resolve(root, written),
  };
}

function searchUpwards({ workingDir, installedIn }: ProjectChoice): string {
  for (let dir = resolve(workingDir); ; dir = dirname(dir)) {
    const candidate = join(dir, CONFIG_IN_PROJECT);
    if (existsSync(candidate)) return candidate;
    if (dirname(dir) === dir) return join(installedIn, CONFIG_IN_PROJECT);
  }
}

/**
 * `state_dir` alone, read without the schema: `agw status` must find a running gateway even while its config file is being edited,
 * and quickly.
 */
function writtenStateDir(configFile: string): string {
  let text = '';
  try {
    text = readFileSync(configFile, 'utf8');
  } catch {
    // No config file: the default place.
  }
  const found = /^state_dir:[ \t]*(?:"([^"\n]*)"|'([^'\n]*)'|([^#\n]*))/m.exec(text);
  const written = (found?.[1] ?? found?.[2] ?? found?.[3] ?? '').trim();
  return written === '' ? '.precinct' : written;
}
