// Names that code has where a setting has a secret are told from secrets, and secrets are not taken for names.
import { describe, expect, it } from 'vitest';
import { isException } from '../../../../src/engines/dlp/names.js';

const REFERENCES = ['process.env.OPENAI_API_KEY', 'this.configService.get', 'config.auth.clientSecret', 'env.DB_PASSWORD', 'request.form'];
const NAMES = ['ChannelCredentials', 'fs.readFileSync', 'loadApiKeyFromEnvironment', 'AbstractSecretProvider2', 'Credentials.from_service_account_file'];
const SECRETS = [
  'qW3rT5yUqW3rT5yU', 'aB3dE6gHaB3dE6gH', 'xKqTzWvBnMfGhJkL', 'AKIA'.concat('QWERTYUIOPASDFG2'), '9f8e7d6c5b4a39281706', 'ghp_'.concat('aB3d'.repeat(9)), 'correct-horse-battery',
  'process.env.'.concat('aB3dE6gH'.repeat(3)), 'this.'.concat('xKqTzWvBnMfGhJkL'), 'env.hunter2_Hunter',
];

describe('isException', () => {
  it.each(REFERENCES)('takes %s for a reference, and for a name', (text) => {
    expect([isException('reference', text, ' '), isException('name', text, ' ')]).toEqual([true, true]);
  });

  it.each(NAMES)('takes %s for a name only', (text) => {
    expect([isException('reference', text, '= '), isException('name', text, '= ')]).toEqual([false, true]);
  });

  it.each(SECRETS)('takes %s for neither', (text) => {
    expect([isException('reference', text, ' '), isException('name', text, ' ')]).toEqual([false, false]);
  });

  it.each(['"', '\'', '`'])('takes what stands in %s for a value, whatever it reads like', (quote) => {
    for (const text of [...REFERENCES, ...NAMES]) expect(isException('name', text, `:${quote}`)).toBe(false);
  });

  it('takes a placeholder for none, quoted or not', () => {
    for (const before of ['"', '= ']) for (const text of ['YOUR_API_KEY_HERE', 'your-api-key-goes-here']) expect(isException('reference', text, before)).toBe(true);
    expect(isException('reference', 'your-'.concat('aB3dE6gH'.repeat(3)), '"')).toBe(false);
  });
});
