// Admission rules beyond a loopback listener, and the load counters.
import { describe, expect, it } from 'vitest';
import { createAdmission, Load } from '../../../src/front/admission.js';

const rules = { listenerHost: '0.0.0.0', listenerPort: 9090, tls: false, allowedHosts: ['Gateway.Example'], allowedOrigins: ['https://Console.example/'] };

describe('a listener on all addresses', () => {
  const admission = createAdmission(rules);
  it.each([['gateway.example:1', undefined], ['localhost:9090', undefined], ['localhost', 'host_not_allowed'], ['localhost:1', 'host_not_allowed'], ['10.0.0.5:9090', 'host_not_allowed'], ['0.0.0.0:9090', 'host_not_allowed']])('judges Host %s as %s', (host, reason) => {
    expect(admission.check(host, 1, '')).toBe(reason);
  });
  it('takes listed origins only, loopback ones not', () => {
    expect(admission.check('gateway.example', 1, 'https://console.example')).toBeUndefined();
    expect(admission.check('gateway.example', 1, 'http://localhost:3000')).toBe('origin_not_allowed');
    expect(admission.corsOrigin('https://console.example')).toBe('https://console.example');
    expect(admission.corsOrigin('https://other.example')).toBe('');
  });
  it('refuses a repeated Host whatever it says', () => {
    expect(admission.check('gateway.example, gateway.example', 2, '')).toBe('host_repeated');
  });
});

describe('a listener on one address', () => {
  it('answers to that address on its own port', () => {
    const admission = createAdmission({ ...rules, listenerHost: '10.0.0.5', tls: true, listenerPort: 443 });
    expect(admission.check('10.0.0.5', 1, '')).toBeUndefined();
    expect(admission.check('10.0.0.5:80', 1, '')).toBe('host_not_allowed');
    expect(createAdmission({ ...rules, listenerHost: 'fd00::1' }).check('[fd00::1]:9090', 1, '')).toBeUndefined();
  });
  it.each(['127.0.0.1', '127.8.9.10', 'localhost', '::1'])('takes %s for loopback', (listenerHost) => {
    expect(createAdmission({ ...rules, listenerHost }).loopbackListener).toBe(true);
  });
  it.each(['127.0.0.1.example', '0.0.0.0', '::', '1270.0.0.1'])('does not take %s for loopback', (listenerHost) => {
    expect(createAdmission({ ...rules, listenerHost }).loopbackListener).toBe(false);
  });
});

describe('load', () => {
  it('takes bytes whole or not at all', () => {
    const load = new Load(1000);
    expect([load.takeBytes(600), load.takeBytes(600), load.takeBytes(400), load.takeBytes(1), load.bytes]).toEqual([true, false, true, false, 1000]);
  });
});
