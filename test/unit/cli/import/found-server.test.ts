// Entries of all clients as one thing, and what is not imported.
import { expect, it } from 'vitest';
import { foundServer } from '../../../../src/cli/import/found-server.js';

const GATEWAY = 'http://localhost:9090';
const found = (value: unknown, client?: string) => foundServer({ name: 'x', value, line: 1 }, client, GATEWAY);
const http = (url: string) => ({ kind: 'streamable_http', url });

it.each([
  ['Claude Code', { type: 'http', url: 'http://a/mcp' }, http('http://a/mcp')], ['Windsurf', { serverUrl: 'http://a/mcp' }, http('http://a/mcp')], ['Cline', { type: 'streamableHttp', url: 'http://a/mcp' }, http('http://a/mcp')],
  ['goose', { type: 'streamable_http', uri: 'http://a/mcp' }, http('http://a/mcp')], ['SSE by its type', { type: 'sse', url: 'http://a/sse' }, { kind: 'sse', url: 'http://a/sse' }],
  ['a bridge in front of a URL', { command: 'npx', args: ['-y', 'mcp-remote', 'http://a/mcp'] }, http('http://a/mcp')],
  ['a bridge of Zed\'s older form', { command: { path: 'npx', args: ['mcp-remote', 'http://a/mcp'] } }, http('http://a/mcp')],
  ['a bridge over SSE', { command: 'npx', args: ['mcp-remote@1.2.3', 'http://a/sse', '--transport', 'sse-only'] }, { kind: 'sse', url: 'http://a/sse' }],
  ['a program', { command: 'npx', args: ['-y', 'files', '/srv'], cwd: '/w' }, { kind: 'stdio', command: 'npx', args: ['-y', 'files', '/srv'], cwd: '/w' }],
  ['a program of Zed\'s older form', { command: { path: 'files', args: ['/srv'] } }, { kind: 'stdio', command: 'files', args: ['/srv'], cwd: undefined }],
  ['a program of goose', { type: 'stdio', cmd: 'files', args: ['/srv'], envs: { A: 'b' } }, { kind: 'stdio', command: 'files', args: ['/srv'], cwd: undefined }],
])('understands %s', (_what, value, way) => {
  expect(found(value)).toMatchObject({ name: 'x', way });
});

it('takes url for SSE and httpUrl for Streamable HTTP in Gemini CLI\'s file', () => {
  expect(found({ url: 'http://a/sse' }, 'gemini-cli')).toMatchObject({ way: { kind: 'sse' } });
  expect(found({ httpUrl: 'http://a/mcp' }, 'gemini-cli')).toMatchObject({ way: { kind: 'streamable_http' } });
});

it('finds variables and headers wherever a client keeps them', () => {
  expect(found({ command: 'x', env: { A: '1', N: 2 } })).toMatchObject({ env: { A: '1', N: '2' } });
  expect(found({ command: { path: 'x', args: [], env: { A: '1' } } })).toMatchObject({ env: { A: '1' } });
  expect(found({ url: 'http://a', headers: { H: 'v' } })).toMatchObject({ headers: { H: 'v' } });
  expect(found({ url: 'http://a', http_headers: { H: 'v' }, env_http_headers: { I: 'VAR' }, bearer_token_env_var: 'TOK' }, 'codex')).toMatchObject({ headers: { H: 'v', I: '${env:VAR}', Authorization: 'Bearer ${env:TOK}' } });
  expect(found({ url: 'http://a', requestInit: { headers: { H: 'v' } } })).toMatchObject({ headers: { H: 'v' } });
  expect(found({ command: 'npx', args: ['mcp-remote', 'http://a', '--header', 'Authorization:Bearer abc', '--header', 'X: y'] })).toMatchObject({ headers: { Authorization: 'Bearer abc', X: 'y' } });
});

it.each([
  ['this gateway', { url: 'http://127.0.0.1:9090/as/me/dev' }], ['this gateway behind a bridge', { command: 'npx', args: ['mcp-remote', 'http://localhost:9090'] }], ['its own bridge', { command: '/opt/precinct/bin/agw', args: ['bridge'] }],
  ['what is switched off', { command: 'x', disabled: true }], ['what is not switched on', { cmd: 'x', enabled: false }], ['what has neither', { type: 'builtin' }], ['variables of a file', { command: 'x', envFile: '.env' }], ['no object', 7],
])('leaves out %s', (_what, value) => {
  expect(found(value)).toHaveProperty('reason');
});

it('does not take another port for this gateway', () => {
  expect(found({ url: 'http://localhost:9091' })).toMatchObject({ way: { url: 'http://localhost:9091' } });
});
