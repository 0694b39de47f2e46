// Secrets of the embedded store: values go in and never come out.
import { SecretFault } from '../engines/secrets/fault.js';
import { formatReference } from '../engines/secrets/reference.js';
import { numberMember, textMember } from './reading.js';
import type { ControlParts } from './parts.js';
import { ControlFault, type ControlAnswer, type Route } from './server.js';

export function secretRoutes(parts: ControlParts): Route[] {
  const { secrets, clock } = parts;
  return [
    { method: 'GET', path: '/v1/secrets', answer: () => attempt(() => ({ secrets: secrets.list(), references: secrets.references() })) },
    {
      method: 'POST', path: '/v1/secrets/put',
      answer: ({ body }) => attempt(() => ({ secret: secrets.put(textMember(body, 'name'), textMember(body, 'owner'), textMember(body, 'scope'), textMember(body, 'value'), clock.nowMs()) })),
    },
    {
      method: 'POST', path: '/v1/secrets/issue',
      answer: ({ body }) => attempt(() => {
        const reference = secrets.issue(textMember(body, 'name'), numberMember(body, 'ttl_s'), clock.nowMs());
        return { ...reference, token: formatReference(reference.ref), expires_at: new Date(reference.expiresMs).toISOString() };
      }),
    },
    { method: 'POST', path: '/v1/secrets/rotate', answer: ({ body }) => attempt(() => ({ secret: secrets.rotate(textMember(body, 'name'), textMember(body, 'value'), clock.nowMs()) })) },
    {
      method: 'POST', path: '/v1/secrets/remove',
      answer: ({ body }) => attempt(() => {
        const name = textMember(body, 'name');
        secrets.remove(name);
        return { name, removed: true };
      }),
    },
  ];
}

function attempt(work: () => unknown): ControlAnswer {
  try {
    return { status: 200, json: work() };
  } catch (fault) {
    if (!(fault instanceof SecretFault)) throw fault;
    throw new ControlFault(fault.code === 'unknown_secret' ? 404 : 422, fault.code, fault.message, { remediation: fault.remedy });
  }
}
