// The gateways of the table, each the built program: `dev` as a newcomer has it, `tight` with low limits and no default identity, `strict` with proofs alone.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { ROOT, run } from '../../../scripts/run-command.mjs';
import { definitionText, namesOf, toolOf } from './tools.mjs';

export const DOMAIN = 'poc.local';
export const callerOf = (name, language) => `spiffe://${DOMAIN}/agents/mcp-client/${name}-${language}/dev`;
/** Who a caller is that offers nothing. */
export const DEFAULT_CALLER = `spiffe://${DOMAIN}/agents/mcp-client/my-agent/dev`;
/** Registered, and of no kind that is known: no policy is asked about it. */
export const STRANGER = `spiffe://${DOMAIN}/visitors/somebody`;
export const APPROVER = 'alice';
const PASSING = { per_minute: 1_000_000, burst: 100_000 };
const NEVER = 1_000;

const POLICY = `package precinct.authz

import rego.v1

allow if {
	startswith(input.caller_spiffe_id, "spiffe://${DOMAIN}/")
	not input.tool_name == "forbidden"
}

allow := "maybe" if input.tool_name == "conflicting"
`;

/** @param {{ support: any, toolUrls: { modern: string, legacy: string }, guardUrl: string, pki: any, callers: readonly string[], languages: readonly string[] }} parts */
export async function startGateways({ support, toolUrls, guardUrl, pki, callers, languages }) {
  const common = {
    policies: { 'table.rego': POLICY }, tools: registrations(toolUrls, languages),
    files: { 'config/destinations.yaml': 'allowed_destinations: ["near.example"]\n' },
  };
  const guard = { url: `${guardUrl}/v1/chat/completions`, model: 'guard', failures_to_open: NEVER };
  const identities = [...callers, DEFAULT_CALLER, STRANGER].map((id) => ({ spiffe_id: id }));
  const options = {
    dev: { identities: { default: DEFAULT_CALLER, identities }, config: { rate_limit: PASSING, guard, breaker: { failures_to_open: NEVER }, response: { credentials: 'block' } } },
    tight: { identities: { identities }, config: { rate_limit: PASSING, front: { body_bytes_max: 4096 }, dlp: { injection: 'block', pii: 'block' }, breaker: { failures_to_open: 1 } } },
    strict: {
      files: { ...common.files, ...pki.files }, env: { TABLE_SECRETS_KEY: Buffer.alloc(32, 7).toString('base64') },
      config: {
        profile: 'strict', rate_limit: PASSING, guard, secrets: { key_env: 'TABLE_SECRETS_KEY' },
        tls: { enabled: true, port: 0, certificate_file: 'config/tls/gateway.pem', private_key_file: 'config/tls/gateway.key', trust_bundle_file: 'config/tls/bundle.pem' },
        identity: { jwt_bundle_file: 'config/jwt-bundle.json', jwt_audience: ['precinct'] },
      },
    },
  };
  const started = [];
  const stop = () => Promise.all(started.map((gateway) => gateway.stop()));
  try {
    for (const more of Object.values(options)) started.push(await support.startGateway({ ...common, ...more }));
    const [dev, tight, strict] = started;
    const added = await agw(dev.dir, 'approver', 'add', APPROVER);
    if (added.code !== 0) throw new Error(added.output);
    return { dev, tight, strict, tlsPort: await tlsPortOf(strict), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function registrations(toolUrls, languages) {
  return ['modern', 'legacy'].flatMap((era) => namesOf(era, languages).map((name) => ({
    name, upstream: toolUrls[era], hash: createHash('sha256').update(definitionText(name)).digest('hex'), description: 'Tool of the behaviour table', input_schema: toolOf(name)?.schema ?? { type: 'object' }, ...toolOf(name)?.registry,
  })));
}

async function tlsPortOf(gateway) {
  const { listeners } = await control(gateway, 'GET', '/v1/status');
  return Number(new URL(`https://${listeners.find(({ kind }) => kind === 'mtls').address}`).port);
}

/** The command line in a gateway's project. @returns {Promise<{ code: number, output: string }>} */
export function agw(dir, ...words) {
  return run(process.execPath, [join(ROOT, 'bin', 'agw'), ...words], { cwd: dir, env: { NO_COLOR: '1' } });
}

/** Stores a secret for a caller and issues a reference to it; its ref. */
export async function issueSecret(gateway, owner, { name, scope, value, ttl_s: ttlS = 600 }) {
  await control(gateway, 'POST', '/v1/secrets/put', { name, owner, scope, value });
  const { token } = await control(gateway, 'POST', '/v1/secrets/issue', { name, ttl_s: ttlS });
  return /ref:([^,}]+)/.exec(token)?.[1] ?? '';
}

async function control(gateway, method, path, body) {
  const { status, json } = await gateway.control(method, path, body);
  if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(json)}`);
  return json;
}
