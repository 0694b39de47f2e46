// Where clients have their files on each system, and what stands behind symbolic links.
import { existsSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { readEnvironment } from '../../../../src/base/config/environment.js';
import { CLIENTS, MCP_REMOTE, remoteArgs, type Platform } from '../../../../src/cli/clients/facts.js';
import { behindLinks, machineOf, placeFor, placesOf, type Machine } from '../../../../src/cli/clients/places.js';
import table from '../../../clients/table/package.json' with { type: 'json' };

let dir = '';
beforeAll(() => { dir = realpathSync(mkdtempSync(join(tmpdir(), 'places '))); });
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const machine = (platform: Platform, variables: Readonly<Record<string, string>> = {}): Machine => ({ platform, home: platform === 'win32' ? 'C:\\Users\\me' : '/h', workingDir: platform === 'win32' ? 'D:\\p' : '/p', variable: (name) => variables[name] });
const filesOf = (id: string, on: Machine): string[] => CLIENTS.filter((facts) => facts.id === id).flatMap((facts) => placesOf(facts, on).map(({ file }) => file));

it.each([
  ['claude-desktop', 'linux', {}, ['/h/.config/Claude/claude_desktop_config.json']],
  ['claude-desktop', 'darwin', {}, ['/h/Library/Application Support/Claude/claude_desktop_config.json']],
  ['claude-desktop', 'win32', { APPDATA: 'E:\\Roaming' }, ['E:\\Roaming\\Claude\\claude_desktop_config.json']],
  ['claude-desktop', 'win32', {}, ['C:\\Users\\me\\AppData\\Roaming\\Claude\\claude_desktop_config.json']],
  ['claude-code', 'linux', {}, ['/p/.mcp.json', '/h/.claude.json']],
  ['vscode', 'linux', { XDG_CONFIG_HOME: '/x' }, ['/p/.vscode/mcp.json', '/x/Code/User/mcp.json']],
  ['vscode', 'win32', {}, ['D:\\p\\.vscode\\mcp.json', 'C:\\Users\\me\\AppData\\Roaming\\Code\\User\\mcp.json']],
  ['codex', 'darwin', { CODEX_HOME: '/c' }, ['/c/config.toml', '/p/.codex/config.toml']],
  ['codex', 'linux', {}, ['/h/.codex/config.toml', '/p/.codex/config.toml']],
  ['vscode', 'linux', { XDG_CONFIG_HOME: 'x' }, ['/p/.vscode/mcp.json', '/h/.config/Code/User/mcp.json']], // relative: none, by the XDG specification
  ['zed', 'darwin', {}, ['/h/.config/zed/settings.json', '/p/.zed/settings.json']],
  ['goose', 'win32', {}, ['C:\\Users\\me\\AppData\\Roaming\\Block\\goose\\config\\config.yaml']],
] as const)('%s on %s', (id, platform, variables, files) => {
  expect(filesOf(id, machine(platform, variables))).toEqual(files);
});

it.each(['', 'home'])('takes the user\'s own home where HOME is %j', (home) => {
  vi.stubEnv('HOME', home);
  const { home: found } = machineOf({ environment: readEnvironment({ HOME: home }), workingDir: dir });
  vi.unstubAllEnvs();
  expect(found).toBe(userInfo().homedir);
});

it('has a place for every client on every system', () => {
  for (const platform of ['linux', 'darwin', 'win32'] as const) for (const facts of CLIENTS) expect(placeFor(facts, machine(platform), undefined)?.file).toMatch(/[/\\]\S/);
});

it('takes the file that exists before the one that would be first', () => {
  const [claudeCode] = CLIENTS.filter(({ id }) => id === 'claude-code');
  if (claudeCode === undefined) throw new Error('no such client');
  writeFileSync(join(dir, '.claude.json'), '{}');
  const here: Machine = { ...machine('linux'), home: dir, workingDir: join(dir, 'none') };
  expect(placeFor(claudeCode, here, undefined)?.scope).toBe('user');
  expect(placeFor(claudeCode, here, 'project')?.file).toBe(join(dir, 'none', '.mcp.json'));
});

it('finds the file behind links, also one that is not there yet, and ends in a ring', () => {
  writeFileSync(join(dir, 'real.json'), '{}');
  symlinkSync('real.json', join(dir, 'link.json'));
  symlinkSync(join(dir, 'link.json'), join(dir, 'link2.json'));
  symlinkSync('later.json', join(dir, 'dangling.json'));
  symlinkSync('ring.json', join(dir, 'ring.json'));
  expect([behindLinks(join(dir, 'link2.json')), behindLinks(join(dir, 'dangling.json')), behindLinks(join(dir, 'none.json'))]).toEqual([join(dir, 'real.json'), join(dir, 'later.json'), join(dir, 'none.json')]);
  expect(behindLinks(join(dir, 'ring.json'))).toBe(join(dir, 'ring.json'));
});

it('starts mcp-remote in the version that was tried, with plain HTTP allowed where it must be', () => {
  expect(MCP_REMOTE).toBe(`mcp-remote@${table.dependencies['mcp-remote']}`);
  expect(remoteArgs('http://localhost:9090')).not.toContain('--allow-http');
  expect(remoteArgs('http://gateway:9090')).toContain('--allow-http');
  expect(remoteArgs('https://gateway')).not.toContain('--allow-http');
});

it('gives Claude Desktop the bridge by whole paths, and an identity apart from the URL', () => {
  const argsOf = (url: string) => {
    const { command, args } = CLIENTS.find(({ id }) => id === 'claude-desktop')?.entry({ name: 'x', url }) as { command: string; args: readonly [string, ...string[]] };
    expect([isAbsolute(command), isAbsolute(args[0]), existsSync(args[0])]).toEqual([true, true, true]);
    return args.slice(1);
  };
  expect(argsOf('http://localhost:9090')).toEqual(['bridge', '--gateway', 'http://localhost:9090']);
  expect(argsOf('http://localhost:9090/as/me/prod')).toEqual(['bridge', '--gateway', 'http://localhost:9090', '--as', 'me/prod']);
  expect(argsOf('https://gw.example/mcp')).toEqual(['bridge', '--gateway', 'https://gw.example/mcp']);
});
