// Which keys of gateway.yaml a running gateway can't take up, because a part is built from them once; and what two configs differ in.
import { isDeepStrictEqual } from 'node:util';
import type { GatewayConfig } from './schema.js';

/** A section stands for all of its keys. docs/operations.md names each (checked by a test). */
export const RESTART_KEYS: readonly string[] = [
  'profile', 'log_level', 'state_dir', 'threads', 'front', 'websocket', 'http_sse', 'tls', 'dev', 'audit', 'guard', 'breaker', 'secrets',
  'identity.file', 'identity.jwt_bundle_file', 'identity.jwt_audience', 'identity.cache_entries', 'registry.file', 'registry.refresh_interval_s', 'dlp.dir', 'dlp.pool_threads', 'dlp.pool_queue_max',
  'session.chains_file', 'session.sessions_max', 'session.actions_kept', 'session.mcp_sessions_per_caller_max', 'session.mcp_session_ttl_s',
  'step_up.thresholds_file', 'step_up.destinations_file', 'step_up.request_ttl_s', 'step_up.grant_ttl_s', 'step_up.pending_per_caller_max', 'upstream.connect_timeout_ms', 'upstream.connections_max', 'upstream.pipelining', 'upstream.inflight_answer_bytes_max', 'telemetry.otlp_endpoint',
];

export function needsRestart(key: string): boolean {
  return RESTART_KEYS.some((known) => key === known || key.startsWith(`${known}.`));
}

/** `written`, with what a restart alone takes up as it runs: a file of another name that were read now, and not watched, would be in force by half. */
export function keepRunning(written: GatewayConfig, running: GatewayConfig): GatewayConfig {
  const kept = Object.entries(written).map(([section, value]: [string, unknown]) => {
    const runs = running[section as keyof GatewayConfig] as unknown;
    if (needsRestart(section)) return [section, runs];
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [section, value];
    return [section, Object.fromEntries(Object.entries(value).map(([key, part]) => [key, needsRestart(`${section}.${key}`) ? (runs as Record<string, unknown>)[key] : part]))];
  });
  return Object.freeze(Object.fromEntries(kept) as GatewayConfig);
}

/** Keys whose values differ, as `section.key`. */
export function changedKeys(one: GatewayConfig, other: GatewayConfig): string[] {
  return Object.entries(one).flatMap(([section, value]) => {
    const written: unknown = other[section as keyof GatewayConfig];
    if (isDeepStrictEqual(value, written)) return [];
    if (typeof value !== 'object' || Array.isArray(value)) return [section];
    return Object.entries(value).filter(([key, part]) => !isDeepStrictEqual(part, (written as Record<string, unknown>)[key])).map(([key]) => `${section}.${key}`);
  });
}
