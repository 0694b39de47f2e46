// LiteLLM's proxy as an MCP gateway: its key, and its own content filter on what goes to a tool and what comes back.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../support/ports.mjs';
import { launch } from '../launch.mjs';

const KEY = 'sk-bench-0000000000000000';
/** Of its prebuilt patterns those that this gateway looks for, too: credentials and personal data. */
const PATTERNS = ['aws_access_key', 'aws_secret_key', 'github_token', 'slack_token', 'generic_api_key', 'us_ssn', 'email', 'us_phone', 'credit_card', 'iban'];

export async function start({ dir, core, upstreamPort, home }) {
  const port = await freePort();
  const config = {
    litellm_settings: { telemetry: false, json_logs: true, set_verbose: false },
    general_settings: { master_key: KEY },
    guardrails: [{
      guardrail_name: 'content-filter',
      litellm_params: {
        guardrail: 'litellm_content_filter', mode: ['pre_mcp_call', 'post_mcp_call'], default_on: true,
        patterns: PATTERNS.map((name) => ({ pattern_type: 'prebuilt', pattern_name: name, action: 'BLOCK' })),
      },
    }],
    mcp_servers: { bench: { url: `http://127.0.0.1:${upstreamPort}/mcp`, transport: 'http', allowed_tools: ['echo'], allow_all_keys: true } },
  };
  const file = join(dir, 'litellm.yaml');
  writeFileSync(file, JSON.stringify(config)); // JSON is YAML
  const args = ['--config', file, '--host', '127.0.0.1', '--port', String(port), '--num_workers', '1', '--telemetry', 'False'];
  const env = { LITELLM_LOG: 'ERROR', LITELLM_MODE: 'PRODUCTION', LITELLM_LOCAL_MODEL_COST_MAP: 'True', LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS: 'True' };
  const running = await launch({ dir, name: 'litellm', core, command: join(home, 'bin', 'litellm'), args, env, port, ready: '/health/liveliness', waitS: 120 });
  return { ...running, path: '/mcp/', version: '2025-06-18', tool: 'bench-echo', headers: { Authorization: `Bearer ${KEY}` } };
}
