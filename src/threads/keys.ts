// The keys of an install: of its secret file, and of the digests of arguments.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readEnvironment } from '../base/config/environment.js';
import { resolveInProject } from '../base/config/load.js';
import type { GatewayConfig } from '../base/config/schema.js';
import { createSecretKeyFile, parseSecretKey, readSecretKeyFile } from '../engines/secrets/key-file.js';

const KEY_BYTES = 32;
const KEY_MODE = 0o600;

export function openSecretsKey(config: GatewayConfig, stateDir: string, root: string): Buffer {
  const { key_env: name, key_file: file } = config.secrets;
  if (name !== '') return parseSecretKey(readEnvironment().secret(name) ?? '', `the environment variable ${name}`);
  const path = file === '' ? join(stateDir, 'keys', 'secrets.key') : resolveInProject(root, file);
  if (!existsSync(path) && config.profile === 'dev') return createSecretKeyFile(path);
  return readSecretKeyFile(path);
}

export function openArgumentsKey(path: string): Buffer {
  if (!existsSync(path)) writeFileSync(path, `${randomBytes(KEY_BYTES).toString('base64')}\n`, { mode: KEY_MODE, flag: 'wx' });
  return parseSecretKey(readFileSync(path, 'utf8'), path);
}
