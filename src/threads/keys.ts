// The keys of an install: of its secret file, and of the digests of arguments.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readEnvironment } from '../base/config/environment.js';
import { ConfigFault } from '../base/config/fault.js';
import { placeInConfig, resolveInProject } from '../base/config/load.js';
import type { GatewayConfig } from '../base/config/schema.js';
import { SecretFault } from '../engines/secrets/fault.js';
import { createSecretKeyFile, parseSecretKey, readSecretKeyFile } from '../engines/secrets/key-file.js';

const KEY_BYTES = 32;
const KEY_MODE = 0o600;

/** Where the gateway's config is, and what it says. */
interface Project {
  readonly root: string;
  readonly configFile: string;
  readonly config: GatewayConfig;
}

/** Throws ConfigFault for a key that a person has to give: one that the config names, or that strict lacks. SecretFault for a damaged one of our own. */
export function openSecretsKey({ root, configFile, config }: Project, stateDir: string): Buffer {
  const { key_env: name, key_file: file } = config.secrets;
  try {
    if (name !== '') return readKeyVariable(name);
    const path = file === '' ? join(stateDir, 'keys', 'secrets.key') : resolveInProject(root, file);
    if (!existsSync(path) && config.profile === 'dev') return createSecretKeyFile(path);
    return readSecretKeyFile(path);
  } catch (fault) {
    if (!(fault instanceof SecretFault) || (name === '' && file === '' && fault.code !== 'key_missing')) throw fault;
    const key = name === '' ? 'key_file' : 'key_env';
    throw new ConfigFault(`secrets.${key}: ${fault.message}`, { ...placeInConfig(configFile, ['secrets', key]), remedy: fault.remedy });
  }
}

function readKeyVariable(name: string): Buffer {
  const text = readEnvironment().secret(name);
  if (text === undefined) throw new SecretFault('key_missing', `the environment variable ${name} is not set.`, 'Set it to 32 bytes in base64: openssl rand -base64 32.');
  return parseSecretKey(text, `the environment variable ${name}`);
}

export function openArgumentsKey(path: string): Buffer {
  if (!existsSync(path)) writeFileSync(path, `${randomBytes(KEY_BYTES).toString('base64')}\n`, { mode: KEY_MODE, flag: 'wx' });
  return parseSecretKey(readFileSync(path, 'utf8'), path);
}
