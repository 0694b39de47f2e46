// Which keys need a restart: real ones, each said in the docs.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseGatewayConfig } from '../../../../src/base/config/load.js';
import { changedKeys, keepRunning, needsRestart, RESTART_KEYS } from '../../../../src/base/config/restart-keys.js';

const OPERATIONS = readFileSync(join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'operations.md'), 'utf8');
const config = (text: string): ReturnType<typeof parseGatewayConfig> => parseGatewayConfig(text, 'gateway.yaml');

it.each(RESTART_KEYS)('%s is a key of the config, and docs/operations.md says that it needs a restart', (key) => {
  const value = key.split('.').reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], config('profile: dev'));
  expect(value).toBeDefined();
  expect(OPERATIONS).toContain(`\`${key}\``);
});

it('tells what two configs differ in, and what of it needs a restart', () => {
  const changed = changedKeys(config('{profile: dev}'), config('{profile: dev, log_level: warn, front: {port: 9095}, rate_limit: {per_minute: 5}, dev: {trusted_peers: [10.0.0.0/8]}}'));
  expect(changed.sort()).toEqual(['dev.trusted_peers', 'front.port', 'log_level', 'rate_limit.per_minute']);
  expect(changed.filter(needsRestart)).toEqual(['dev.trusted_peers', 'front.port', 'log_level']);
  expect(changedKeys(config('{profile: dev}'), config('{profile: dev}'))).toEqual([]);
});

it('keeps what runs of keys that need a restart, and takes the others', () => {
  const running = config('{profile: dev, identity: {file: config/one.yaml}, rate_limit: {per_minute: 5}, shutdown_grace_s: 1}');
  const kept = keepRunning(config('{profile: dev, log_level: warn, front: {port: 9095}, identity: {file: config/two.yaml, trust_domain: other.local}, rate_limit: {per_minute: 6}, shutdown_grace_s: 2, policy: {dirs: [rules]}}'), running);
  expect(changedKeys(running, kept).sort()).toEqual(['identity.trust_domain', 'policy.dirs', 'rate_limit.per_minute', 'shutdown_grace_s']);
  expect([kept.log_level, kept.front.port, kept.identity.file]).toEqual([running.log_level, running.front.port, 'config/one.yaml']);
});
