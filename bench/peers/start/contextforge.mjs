// ContextForge: JWT, its own database, and its plugins for secrets, personal data, encoded exfiltration and long answers.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../support/ports.mjs';
import { launch } from '../launch.mjs';

const SECRET = 'bench-secret-that-is-long-enough-for-hs256-0000';
const ADMIN = 'admin@example.com';
const PASSWORD = 'Bench-0000-Password!';

const BOTH = ['tool_pre_invoke', 'tool_post_invoke'];
const plugin = (name, kind, hooks, config, priority) => ({ name, kind, hooks, mode: 'enforce', priority, conditions: [], config });
const PLUGINS = {
  plugins: [
    plugin('Secrets', 'cpex_secrets_detection.secrets_detection.SecretsDetectionPlugin', BOTH, { block_on_detection: true }, 10),
    plugin('PII', 'cpex_pii_filter.pii_filter.PIIFilterPlugin', BOTH, { block_on_detection: true }, 20),
    plugin('EncodedExfil', 'cpex_encoded_exfil_detection.encoded_exfil_detection.EncodedExfilDetectorPlugin', ['tool_post_invoke'], {}, 30),
  ],
  plugin_dirs: [],
  plugin_settings: { plugin_timeout: 30, fail_on_plugin_error: true },
};

export async function start({ dir, core, upstreamPort, home }) {
  const port = await freePort();
  const plugins = join(dir, 'contextforge-plugins.yaml');
  writeFileSync(plugins, JSON.stringify(PLUGINS)); // JSON is YAML
  const env = {
    DATABASE_URL: `sqlite:///${join(dir, 'contextforge.db')}`, JWT_SECRET_KEY: SECRET, AUTH_ENCRYPTION_SECRET: SECRET, PLATFORM_ADMIN_EMAIL: ADMIN, PLATFORM_ADMIN_PASSWORD: PASSWORD, DEFAULT_USER_PASSWORD: PASSWORD, BASIC_AUTH_PASSWORD: PASSWORD,
    RATE_LIMITING_ENABLED: 'false', MCPGATEWAY_UI_ENABLED: 'false', MCPGATEWAY_ADMIN_API_ENABLED: 'true', LOG_LEVEL: 'ERROR', PLUGINS_ENABLED: 'true', PLUGINS_CONFIG_FILE: plugins, PLUGIN_CONFIG_FILE: plugins,
    SSRF_ALLOW_LOCALHOST: 'true', SSRF_ALLOW_PRIVATE_NETWORKS: 'true', OBSERVABILITY_ENABLED: 'false',
  };
  const args = ['--host', '127.0.0.1', '--port', String(port), '--workers', '1', '--log-level', 'error', '--no-access-log'];
  const running = await launch({ dir, name: 'contextforge', core, command: join(home, 'bin', 'mcpgateway'), args, env, port, ready: '/health', waitS: 180 });
  try {
    const token = execFileSync(join(home, 'bin', 'python'), ['-m', 'mcpgateway.utils.create_jwt_token', '--username', ADMIN, '--admin', '--exp', '600', '--secret', SECRET], { env: { ...env, PATH: process.env.PATH, HOME: dir }, cwd: dir, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim().split('\n').at(-1);
    const headers = { Authorization: `Bearer ${token}` };
    const ask = (path, body) => rest(port, path, headers, body);
    await ask('/gateways', { name: 'bench', url: `http://127.0.0.1:${upstreamPort}/mcp`, transport: 'STREAMABLEHTTP' });
    const tools = await ask('/tools');
    const tool = (Array.isArray(tools) ? tools : tools.tools).find(({ name }) => name.endsWith('echo'));
    const server = await ask('/servers', { server: { name: 'bench', associated_tools: [tool.id] } });
    return { ...running, path: `/servers/${server.id}/mcp/`, version: '2025-06-18', tool: tool.name, headers };
  } catch (error) {
    await running.stop();
    throw error;
  }
}

async function rest(port, path, headers, body) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: body === undefined ? 'GET' : 'POST', headers: { ...headers, 'Content-Type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text.slice(0, 400)}`);
  return JSON.parse(text);
}
