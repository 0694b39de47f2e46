// Names that code has where a setting has a secret are told from secrets, and secrets are not taken for names.
import { describe, expect, it } from 'vitest';
import { isException } from '../../../../src/engines/dlp/names.js';

const REFERENCES = ['process.env.OPENAI_API_KEY', 'this.configService.get', 'config.auth.clientSecret', 'env.DB_PASSWORD', 'request.form'];
const NAMES = ['ChannelCredentials', 'fs.readFileSync', 'loadApiKeyFromEnvironment', 'AbstractSecretProvider2', 'jwtConstants.secret', 'OAuthAuthorizer', 'AuthenticationString', 'unknownExpectedContext', 'getNextCheckpointKey', 'Credentials.from_service_account_file'];
const SECRETS = [
  'qW3rT5yUqW3rT5yU', 'aB3dE6gHaB3dE6gH', 'xKqTzWvBnMfGhJkL', 'AKIA'.concat('QWERTYUIOPASDFG2'), '9f8e7d6c5b4a39281706', 'ghp_'.concat('aB3d'.repeat(9)), 'correct-horse-battery',
  'process.env.'.concat('aB3dE6gH'.repeat(3)), 'this.'.concat('xKqTzWvBnMfGhJkL'), 'env.hunter2_Hunter',
];

const PATHS = ['/run/secrets/my_token_2', '/var/run/secrets/tokens/vault-token-2', 'projects/123/secrets/slack-token/versions/1', 'errors/parse/unexpected_token_2', '/oauth2/v1/revoke-all-tokens'];
const KEYS = ['correct-horse-battery-staple', 'abcd-efgh-ijkl-mnop-qrst', '0a1b-2c3d-4e5f-0a1b-2c3d', '1234-5678-9012-3456-7890', 'aB3dE6gH/aB3dE6gH/aB3dE6gH', 'xKqTz-WvBnM-fGhJk-LqWrT', '/9f8e7d6c/5b4a3928/1706f'];

describe('isException', () => {
  it.each(REFERENCES)('takes %s for a reference, and for a path', (text) => {
    expect([isException('reference', text, ' '), isException('path', text, ' ')]).toEqual([true, true]);
  });

  it.each(NAMES)('takes %s for a path only', (text) => {
    expect([isException('reference', text, '= '), isException('path', text, '= ')]).toEqual([false, true]);
  });

  it.each(SECRETS)('takes %s for neither', (text) => {
    expect([isException('reference', text, ' '), isException('path', text, ' ')]).toEqual([false, false]);
  });

  it.each(PATHS)('takes %s for a path, in quotes, too', (text) => {
    expect([isException('path', text, '"'), isException('path', text, ' ')]).toEqual([true, true]);
  });

  it.each([...SECRETS, ...KEYS])('takes %s for no path', (text) => {
    expect([isException('path', text, '"'), isException('path', text, ' ')]).toEqual([false, false]);
  });

  it('takes the variable of a shell for a reference, and no word behind a $', () => {
    expect(['$S3_SECRET_PASSWORD', '$POSTGRES_PASSWORD_2'].map((text) => isException('reference', text, '='))).toEqual([true, true]);
    expect(['$Sommer_2031', '$AB1_CD2_EF3', '$SOMMER2031'].map((text) => isException('reference', text, '='))).toEqual([false, false, false]);
    expect(isException('reference', '$S3_SECRET_PASSWORD', '="')).toBe(false);
  });

  it.each(['"', '\'', '`'])('takes what stands in %s for a value, whatever it reads like', (quote) => {
    for (const text of [...REFERENCES, ...NAMES]) expect(isException('path', text, `:${quote}`)).toBe(false);
  });

  it('takes a placeholder for none, quoted or not', () => {
    for (const before of ['"', '= ']) for (const text of ['YOUR_API_KEY_HERE', 'your-api-key-goes-here']) expect(isException('reference', text, before)).toBe(true);
    expect(isException('reference', 'your-'.concat('aB3dE6gH'.repeat(3)), '"')).toBe(false);
  });
});
