// POST /v1/reload: registry, policies, rules, identities and thresholds together, whole or not at all; POST /v1/reload/files: the watched files, each for itself.
import { placeText } from '../base/config/fault.js';
import type { ControlParts } from './parts.js';
import type { Route } from './server.js';

export function reloadRoutes(parts: ControlParts): Route[] {
  return [
    { method: 'POST', path: '/v1/reload', answer: async () => ({ status: 200, json: { digests: await parts.reload(), threads: parts.threads.count, warnings: warningsOf(parts), not_loaded: parts.notLoaded() } }) },
    { method: 'POST', path: '/v1/reload/files', answer: async () => ({ status: 200, json: { ...(await parts.reloadFiles()), threads: parts.threads.count } }) },
  ];
}

/** What the status says of what was just loaded; of policies with their places. */
function warningsOf(parts: ControlParts): readonly { readonly message: string }[] {
  const { warnings } = parts.inForce().policy;
  const placed = new Set(warnings.map(({ file, line, message }) => `${placeText({ file, line })}: ${message}`));
  return [...warnings, ...parts.warnings().filter((text) => !placed.has(text)).map((message) => ({ message }))];
}
