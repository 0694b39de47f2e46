// The configuration: one JSON file, checked whole before anything starts. Secrets are named in it, never written in it.
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);
const LIMITS = {
  /** Turns in which the model asks for tools, for one request. */
  rounds: { fallback: 8, max: 64 },
  /** Of one turn, at once. */
  parallel_calls: { fallback: 4, max: 64 },
  /** Of one turn; those beyond are answered with a word to the model. */
  calls_per_round: { fallback: 32, max: 256 },
  /** Requests under way. */
  requests: { fallback: 64, max: 10_000 },
  body_bytes: { fallback: 8 * 1024 * 1024, max: 256 * 1024 * 1024 },
  /** One answer of the model server, or one of its events. */
  answer_bytes: { fallback: 32 * 1024 * 1024, max: 256 * 1024 * 1024 },
  /** What the model is given of one tool's answer. */
  output_bytes: { fallback: 256 * 1024, max: 16 * 1024 * 1024 },
  call_timeout_s: { fallback: 60, max: 86_400 },
  model_timeout_s: { fallback: 600, max: 86_400 },
  /** A call that a person must approve is waited for this long; 0 = the model is told at once. */
  wait_for_approval_s: { fallback: 0, max: 86_400 },
};
const IDENTITY = ['spiffe_id', 'jwt_file', 'cert_file', 'key_file', 'workload_api', 'audience'];

export class ConfigError extends Error {}

/**
 * @typedef {{ name: string, key: string, identity: Record<string, string> }} Client
 * @typedef {{
 *   listen: { host: string, port: number },
 *   gateway: { url: string, caFile?: string, spiffeId?: string },
 *   model: { url: string, key: string | undefined },
 *   clients: readonly Client[],
 *   limits: Record<keyof typeof LIMITS, number>,
 * }} Config
 */

/** @param {string} file @param {Readonly<Record<string, string | undefined>>} env @returns {Config} */
export function loadConfig(file, env) {
  const folder = dirname(resolve(file));
  const root = objectAt(parse(file), 'the configuration', ['listen', 'gateway', 'model', 'clients', 'limits']);
  const listen = objectAt(root['listen'] ?? {}, 'listen', ['host', 'port']);
  const host = textAt(listen['host'] ?? '127.0.0.1', 'listen.host');
  if (!LOOPBACK.has(host)) throw new ConfigError('listen.host: this adapter serves its own machine only (127.0.0.1, ::1 or localhost).');
  const gateway = objectAt(root['gateway'], 'gateway', ['url', 'ca_file', 'spiffe_id']);
  const model = objectAt(root['model'], 'model', ['url', 'api_key_env', 'api_key_file']);
  const paths = (/** @type {string} */ name, /** @type {string} */ value) => (name.endsWith('_file') ? resolve(folder, value) : value);
  return {
    listen: { host, port: numberAt(listen['port'] ?? 8080, 'listen.port', 0, 65_535) },
    gateway: { url: urlAt(gateway['url'], 'gateway.url'), ...(gateway['ca_file'] === undefined ? {} : { caFile: resolve(folder, textAt(gateway['ca_file'], 'gateway.ca_file')) }), ...(gateway['spiffe_id'] === undefined ? {} : { spiffeId: textAt(gateway['spiffe_id'], 'gateway.spiffe_id') }) },
    model: { url: urlAt(model['url'], 'model.url').replace(/\/+$/, ''), key: secretOf(model, 'model', folder, env) },
    clients: clientsOf(root['clients'], folder, env, paths),
    limits: limitsOf(root['limits'] ?? {}),
  };
}

function parse(/** @type {string} */ file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (fault) {
    throw new ConfigError(`${file}: ${fault instanceof SyntaxError ? 'no valid JSON' : 'cannot be read'}.`);
  }
}

/** @returns {readonly Client[]} */
function clientsOf(/** @type {unknown} */ list, /** @type {string} */ folder, /** @type {Readonly<Record<string, string | undefined>>} */ env, /** @type {(name: string, value: string) => string} */ paths) {
  if (!Array.isArray(list) || list.length === 0) throw new ConfigError('clients: a list of at least one key and whose it is.');
  const clients = list.map((entry, n) => {
    const at = `clients[${n}]`;
    const client = objectAt(entry, at, ['name', 'api_key_env', 'api_key_file', ...IDENTITY]);
    const key = secretOf(client, at, folder, env);
    if (key === undefined) throw new ConfigError(`${at}: api_key_env or api_key_file names the key that it is known by.`);
    const identity = Object.fromEntries(IDENTITY.filter((name) => client[name] !== undefined).map((name) => [name, paths(name, textAt(client[name], `${at}.${name}`))]));
    if (Object.keys(identity).length === 0) throw new ConfigError(`${at}: one of ${IDENTITY.slice(0, 5).join(', ')} says who calls.`);
    return { name: textAt(client['name'] ?? `client ${n + 1}`, `${at}.name`), key, identity };
  });
  if (new Set(clients.map(({ key }) => key)).size < clients.length) throw new ConfigError('clients: two of them have the same key.');
  return clients;
}

/** @returns {Config['limits']} */
function limitsOf(/** @type {unknown} */ given) {
  const limits = objectAt(given, 'limits', Object.keys(LIMITS));
  return /** @type {Config['limits']} */ (Object.fromEntries(Object.entries(LIMITS).map(([name, { fallback, max }]) => [name, numberAt(limits[name] ?? fallback, `limits.${name}`, name === 'wait_for_approval_s' ? 0 : 1, max)])));
}

/** @returns {string | undefined} */
function secretOf(/** @type {Record<string, unknown>} */ from, /** @type {string} */ at, /** @type {string} */ folder, /** @type {Readonly<Record<string, string | undefined>>} */ env) {
  if (from['api_key_env'] !== undefined) {
    const name = textAt(from['api_key_env'], `${at}.api_key_env`);
    const value = env[name];
    if (value === undefined || value === '') throw new ConfigError(`${at}.api_key_env: the variable ${name} is not set.`);
    return value;
  }
  if (from['api_key_file'] === undefined) return undefined;
  const file = resolve(folder, textAt(from['api_key_file'], `${at}.api_key_file`));
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    throw new ConfigError(`${at}.api_key_file: ${file} cannot be read.`);
  }
}

/** @returns {Record<string, unknown>} */
function objectAt(/** @type {unknown} */ value, /** @type {string} */ at, /** @type {readonly string[]} */ members) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ConfigError(`${at}: an object is missing.`);
  const unknown = Object.keys(value).find((name) => !members.includes(name));
  if (unknown !== undefined) throw new ConfigError(`${at}: there is no member ${unknown}; it may have ${members.join(', ')}.`);
  return /** @type {Record<string, unknown>} */ (value);
}

function textAt(/** @type {unknown} */ value, /** @type {string} */ at) {
  if (typeof value !== 'string' || value === '') throw new ConfigError(`${at}: a text is missing.`);
  return value;
}

function urlAt(/** @type {unknown} */ value, /** @type {string} */ at) {
  const text = textAt(value, at);
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) throw new ConfigError(`${at}: an http or https URL is missing.`);
  if (new URL(text).username !== '' || new URL(text).password !== '') throw new ConfigError(`${at}: no password belongs here; api_key_env names a key.`);
  return text;
}

function numberAt(/** @type {unknown} */ value, /** @type {string} */ at, /** @type {number} */ least, /** @type {number} */ most) {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) throw new ConfigError(`${at}: a whole number from ${least} to ${most}.`);
  return value;
}
