// The one reader of the environment.
import { describe, expect, it } from 'vitest';
import { ENVIRONMENT_VARIABLES, readEnvironment } from '../../../../src/base/config/environment.js';

describe('the environment', () => {
  it('reads each documented variable', () => {
    const read = readEnvironment({ AGW_GATEWAY: 's', AGW_CONFIG: 'c', AGW_STATE_DIR: 'd', AGW_JSON: '1', NO_COLOR: 'x' });
    expect(read).toMatchObject({ gateway: 's', configFile: 'c', stateDir: 'd', json: true, noColor: true });
    expect(ENVIRONMENT_VARIABLES.map(([name]) => name)).toEqual(['AGW_GATEWAY', 'AGW_CONFIG', 'AGW_STATE_DIR', 'AGW_JSON', 'NO_COLOR']);
  });

  it('takes an empty variable as unset, also a secret', () => {
    const read = readEnvironment({ AGW_GATEWAY: '', NO_COLOR: '', AGW_JSON: '0', KEY: '' });
    expect(read).toMatchObject({ gateway: undefined, noColor: false, json: false });
    expect(read.secret('KEY')).toBeUndefined();
    expect(readEnvironment({ KEY: 'k' }).secret('KEY')).toBe('k');
  });
});
