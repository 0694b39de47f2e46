// POST /v1/reload: registry, policies, rules, identities and thresholds together, whole or not at all; POST /v1/reload/files: the watched files, each for itself.
import type { ControlParts } from './parts.js';
import type { Route } from './server.js';

export function reloadRoutes(parts: ControlParts): Route[] {
  return [
    { method: 'POST', path: '/v1/reload', answer: async () => ({ status: 200, json: { digests: await parts.reload(), threads: parts.threads.count, warnings: parts.inForce().policy.warnings, not_loaded: parts.notLoaded() } }) },
    { method: 'POST', path: '/v1/reload/files', answer: async () => ({ status: 200, json: { ...(await parts.reloadFiles()), threads: parts.threads.count } }) },
  ];
}
