// GET /metrics: Prometheus text. The library is loaded with the first question.
import type { ControlParts } from './parts.js';
import type { Route } from './server.js';

export function metricsRoutes(parts: ControlParts): Route[] {
  return [{ method: 'GET', path: '/metrics', answer: async () => ({ status: 200, text: await (await import('./metrics-page.js')).renderMetrics(parts) }) }];
}
