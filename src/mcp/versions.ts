// Which MCP versions the gateway speaks, and which era each belongs to.
import type { Era } from './types.js';

/** Versions with a handshake (initialize), newest first. */
export const LEGACY_VERSIONS: readonly string[] = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'];
/** Stateless versions: every request names its version in `_meta`. Newest first. */
export const MODERN_VERSIONS: readonly string[] = ['2026-07-28'];
export const SUPPORTED_VERSIONS: readonly string[] = [...MODERN_VERSIONS, ...LEGACY_VERSIONS];

/** What a legacy POST without MCP-Protocol-Version speaks (2025-11-25, basic/transports, Protocol Version Header). */
export const LEGACY_VERSION_ASSUMED = '2025-03-26';

/** The one version with JSON-RPC batches: 2025-06-18 took them out again. */
export const BATCH_VERSION = '2025-03-26';
/** Every message of a batch is a request under way with its own record; clients of that version sent a handful. */
export const BATCH_MESSAGES_MAX = 50;

export function eraOfVersion(version: string): Era | undefined {
  if (MODERN_VERSIONS.includes(version)) return 'modern';
  if (LEGACY_VERSIONS.includes(version)) return 'legacy';
  return undefined;
}

/** The version an initialize is answered with: the one asked for, or else the newest with a handshake (2025-11-25, basic/lifecycle). */
export function negotiateLegacyVersion(requested: string): string {
  return LEGACY_VERSIONS.includes(requested) ? requested : LEGACY_VERSIONS[0] ?? LEGACY_VERSION_ASSUMED;
}
