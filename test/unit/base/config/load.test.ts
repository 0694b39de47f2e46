// config/gateway.yaml → config, or every fault with its line.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigFault, describeFault, WHOLE_FILE } from '../../../../src/base/config/fault.js';
import { loadGatewayConfig, parseGatewayConfig, projectRoot, resolveInProject } from '../../../../src/base/config/load.js';

const dir = mkdtempSync(join(tmpdir(), 'agw config '));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function faultOf(text: string): ConfigFault {
  try {
    parseGatewayConfig(text, 'config/gateway.yaml');
  } catch (error) {
    if (error instanceof ConfigFault) return error;
    throw error;
  }
  throw new Error('no fault');
}

function places(text: string): string[] {
  const fault = faultOf(text);
  return [fault, ...fault.others].map((one) => `${one.line}:${one.column}`);
}

describe('a config file that is right', () => {
  it('fills in every default and is frozen to the last level', () => {
    const config = parseGatewayConfig('profile: dev\n', 'f');
    expect(config.front.port).toBe(9090);
    expect(config.policy.dirs).toEqual(['config/opa/policies', 'policies']);
    expect([config, config.front, config.policy.dirs].every(Object.isFrozen)).toBe(true);
  });

  it('takes a section whose keys are all commented out as its defaults', () => {
    expect(parseGatewayConfig('profile: dev\nfront:\n  # port: 1\n', 'f').front.port).toBe(9090);
  });

  it('lets the environment move the state folder', () => {
    const file = join(dir, 'a.yaml');
    writeFileSync(file, 'profile: dev\nstate_dir: here\n');
    expect(loadGatewayConfig(file).state_dir).toBe('here');
    expect(loadGatewayConfig(file, { stateDir: dir }).state_dir).toBe(dir);
  });

  it('starts relative paths at the folder that holds config/', () => {
    expect(projectRoot('/a/b c/config/gateway.yaml')).toBe('/a/b c');
    expect(resolveInProject('/a/b c', 'config/x.yaml')).toBe('/a/b c/config/x.yaml');
    expect(resolveInProject('/a/b c', '/etc/x.yaml')).toBe('/etc/x.yaml');
  });
});

describe('a config file that is wrong', () => {
  it('shows an unknown key at its place with the nearest one', () => {
    const fault = faultOf('profile: dev\nfront:\n  prot: 9090\n');
    expect([fault.line, fault.column]).toEqual([3, 3]);
    expect(fault.remedy).toContain('port');
  });

  it('names the section a key belongs to when it stands in another', () => {
    expect(faultOf('profile: dev\nfront:\n  trust_domain: a\n').remedy).toContain('identity.trust_domain');
  });

  it('shows every fault, in the order of the file', () => {
    expect(places('profile: deev\nfront:\n  prot: 1\n  port: 70000\ndlp: [1]\npolicy:\n  dirs: [a, 3]\n')).toEqual(['1:10', '3:3', '4:9', '5:6', '7:13']);
  });

  it('gives each fault a line of its own in the text', () => {
    expect(describeFault(faultOf('profile: deev\nfrontt: {}\n')).split('\n')).toHaveLength(2);
  });

  it.each([
    ['a duplicate key', 'profile: dev\nprofile: strict\n', 2],
    ['a broken flow list', 'profile: dev\npolicy:\n  dirs: [a\n', 4],
    ['a tab as indentation', 'profile: dev\nfront:\n\tport: 1\n', 3],
    ['a list at the top', '- a\n', 1],
    ['a lone text', 'hello\n', 1],
  ])('refuses %s with its line', (_, text, line) => {
    expect(faultOf(text).line).toBe(line);
  });

  it('refuses a file whose aliases multiply', () => {
    const levels = Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(',')}]`);
    expect(() => parseGatewayConfig(`a0: &a0 [x]\n${levels.join('\n')}\n`, 'f')).toThrow(ConfigFault);
  });

  it.each(['__proto__: 1\n', 'constructor: 1\n', 'front:\n  __proto__: {port: 1}\n'])('takes %j for an unknown key and changes no prototype', (text) => {
    expect(faultOf(`profile: dev\n${text}`)).toBeInstanceOf(ConfigFault);
    expect(({} as { port?: unknown }).port).toBeUndefined();
  });

  it.each(['9090.5', '"9090"', '-1', '1e9', 'null', '.inf', '.nan'])('refuses the port %s', (port) => {
    expect(places(`profile: dev\nfront:\n  port: ${port}\n`)).toEqual(['3:9']);
  });

  it('says that a file is not there, and claims no line of it', () => {
    expect(() => loadGatewayConfig(join(dir, 'none.yaml'))).toThrow(ConfigFault);
    expect(() => loadGatewayConfig(join(dir, 'none.yaml'))).toThrow(expect.objectContaining({ line: 0, column: 0 }) as Error);
    expect(describeFault(new ConfigFault('gone.', { file: 'f.yaml', ...WHOLE_FILE }))).toBe('f.yaml: gone.');
  });
});

describe('combinations that would start an open or a useless gateway', () => {
  it.each([
    ['the dev profile on an address others reach', 'profile: dev\nfront: {host: 0.0.0.0}\n', 'front.host'],
    ['the dev profile on a name that only looks like loopback', 'profile: dev\nfront: {host: 127.0.0.1.evil.example}\n', 'front.host'],
    ['the strict profile without a guard', 'profile: strict\n', 'guard.url'],
    ['mTLS without a trust bundle', 'profile: dev\ntls: {enabled: true, certificate_file: a, private_key_file: b}\n', 'tls.trust_bundle_file'],
    ['a JWT bundle without an audience', 'profile: dev\nidentity: {jwt_bundle_file: a}\n', 'identity.jwt_audience'],
    ['no listener at all', 'profile: dev\nfront: {plain: false}\n', 'front.plain'],
    ['two keys for the secrets', 'profile: dev\nsecrets: {key_file: a, key_env: B}\n', 'secrets.key_env'],
    ['documentation that is no URL', 'profile: dev\ndocs: {base_url: "javascript:alert(1)"}\n', 'docs.base_url'],
    ['a table of sessions that no machine has room for', 'profile: dev\nsession: {sessions_max: 10000000, actions_kept: 10000}\n', 'session.actions_kept'],
  ])('refuses %s', (_, text, key) => {
    expect(faultOf(text).message).toContain(key);
  });

  it.each(['127.0.0.1', '127.1.2.3', 'localhost', '"::1"'])('accepts the dev profile on %s', (host) => {
    expect(parseGatewayConfig(`profile: dev\nfront: {host: ${host}}\n`, 'f').profile).toBe('dev');
  });

  it('lets the dev profile beyond loopback where it says who may declare an identity there', () => {
    expect(parseGatewayConfig('profile: dev\nfront: {host: 0.0.0.0}\ndev: {trusted_peers: [172.17.0.0/16]}\n', 'f').front.host).toBe('0.0.0.0');
  });
});

describe('a text that its key has no use for', () => {
  it.each([
    ['identity', 'trust_domain: POC Local', 'identity.trust_domain: POC Local', '3:17'],
    ['identity', 'trust_domain: "spiffe://poc.local"', 'identity.trust_domain: spiffe://poc.local', '3:17'],
    ['identity', 'trust_domain: ""', 'identity.trust_domain: an empty text', '3:17'],
    ['guard', 'url: ftp://guard.example/', 'guard.url: ftp://guard.example/', '3:8'],
    ['guard', 'url: localhost:8080', 'guard.url: localhost:8080', '3:8'],
    ['guard', 'url: "http://:80/"', 'guard.url: http://:80/', '3:8'],
    ['front', 'allowed_hosts: [a.example, "https://b.example"]', 'front.allowed_hosts: https://b.example', '3:30'],
    ['front', 'allowed_hosts: ["*.example"]', 'front.allowed_hosts: *.example', '3:19'],
    ['front', 'allowed_origins: [app.example]', 'front.allowed_origins: app.example', '3:21'],
    ['front', 'allowed_origins: ["*"]', 'front.allowed_origins: *', '3:21'],
    ['front', 'allowed_origins: ["https://app.example/page"]', 'front.allowed_origins: https://app.example/page', '3:21'],
    ['dev', 'trusted_peers: [10.0.0.1, 10.0.0.0/33]', 'dev.trusted_peers: 10.0.0.0/33', '3:29'],
  ])('refuses %s: %s', (section, line, message, place) => {
    const fault = faultOf(`profile: dev\n${section}:\n  ${line}\n`);
    expect([`${fault.line}:${fault.column}`, fault.message.includes(message), fault.remedy?.startsWith('Write ')]).toEqual([place, true, true]);
  });

  it('refuses a state folder that would be the project\'s own', () => {
    const fault = faultOf('profile: dev\nstate_dir: " "\n');
    expect([fault.line, fault.message]).toEqual([2, expect.stringContaining('state_dir: an empty text is no folder')]);
  });

  it('takes every form that the listener matches', () => {
    const front = 'allowed_hosts: [Gateway.example, "gateway.example:8443", "[fd00::7]", "[fd00::7]:9090", 10.0.0.1], allowed_origins: ["https://App.example", "http://app.example:81/", "vscode-webview://1a2b", "null"]';
    expect(parseGatewayConfig(`profile: dev\nfront: {${front}}\ndev: {trusted_peers: [10.0.0.1, fd00::/8, "::ffff:10.0.0.0/104"]}\nguard: {url: "http://[::1]:8080/v1/chat/completions?a=b"}\nidentity: {trust_domain: a_b.c-1}\n`, 'f').front.allowed_hosts).toHaveLength(5);
  });
});
