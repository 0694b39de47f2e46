// References to secrets: over the wire, and nowhere else.
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ConfigurationError, secretRef, type SecretRefOptions } from '../src/index.js';
import { failure, startCalls } from './support/calls.js';
import { refusal } from './support/scripted-gateway.js';

const { gateway, client } = await startCalls();

describe('a secret reference', () => {
  it('goes over the wire, and shows itself nowhere else', async () => {
    gateway.play(refusal('token_expired', { more: { middleware_step: 13 } }));
    const reference = secretRef('db.password', { expiresIn: 60, scope: 'tools:db' });
    const error = await failure(client().callTool('t', { password: reference, list: [`Bearer ${JSON.stringify(reference).slice(1, -1)}`] }));
    expect(gateway.seen[0]?.body).toMatchObject({ params: { arguments: { password: '$SPIKE{ref:db.password,exp:60,scope:tools:db}' } } });
    for (const shown of [inspect(error, { depth: null, showHidden: true }), JSON.stringify(error), String(error), inspect(reference, { showHidden: true }), String(reference), `${reference}`, inspect({ reference })]) expect(shown).not.toContain('db.password');
    expect(inspect(reference)).toBe('SecretRef(…)');
  });

  it.each([['', {}], ['a b', {}], ['a}', {}], ['a'.repeat(129), {}], ['ok', { expiresIn: 0 }], ['ok', { expiresIn: 1.5 }], ['ok', { expiresIn: 1e10 }], ['ok', { scope: 'a,b' }], ['ok', { scope: '' }], ['ok', { expires_in: 60 }], ['$SPIKE{ref:ok}', {}]])('%s %j is none', (ref, options) => {
    expect(() => secretRef(ref, options as SecretRefOptions)).toThrow(ConfigurationError);
  });
});
