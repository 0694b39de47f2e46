// The one reader of the environment.
import { describe, expect, it } from 'vitest';
import { ENVIRONMENT_VARIABLES, readEnvironment, tracesUrl } from '../../../../src/base/config/environment.js';

describe('the environment', () => {
  it('reads each documented variable', () => {
    const read = readEnvironment({ AGW_GATEWAY: 's', AGW_CONFIG: 'c', AGW_STATE_DIR: 'd', AGW_JSON: '1', NO_COLOR: 'x' });
    expect(read).toMatchObject({ gateway: 's', configFile: 'c', stateDir: 'd', json: true, noColor: true });
    expect(ENVIRONMENT_VARIABLES.map(([name]) => name)).toEqual(['AGW_GATEWAY', 'AGW_CONFIG', 'AGW_STATE_DIR', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'AGW_JSON', 'NO_COLOR']);
  });

  it('takes an empty variable as unset, also a secret', () => {
    const read = readEnvironment({ AGW_GATEWAY: '', NO_COLOR: '', AGW_JSON: '0', KEY: '' });
    expect(read).toMatchObject({ gateway: undefined, noColor: false, json: false });
    expect(read.secret('KEY')).toBeUndefined();
    expect(readEnvironment({ KEY: 'k' }).secret('KEY')).toBe('k');
  });

  it.each([
    ['', {}, undefined], ['', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }, 'http://c:4318/v1/traces'], ['', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318/base/' }, 'http://c:4318/base/v1/traces'],
    ['', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://t/here' }, 'http://t/here'], ['', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c', OTEL_SDK_DISABLED: 'true' }, undefined],
    ['http://k:4318', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c' }, 'http://k:4318/v1/traces'], ['http://k:4318/', {}, 'http://k:4318/v1/traces'], ['http://k/v1/traces', {}, 'http://k/v1/traces'], ['https://k/otlp/v1/traces', {}, 'https://k/otlp/v1/traces'],
  ])('sends traces where %j and %j say', (endpoint, variables, url) => {
    expect(tracesUrl(endpoint, readEnvironment(variables))).toBe(url);
  });
});
