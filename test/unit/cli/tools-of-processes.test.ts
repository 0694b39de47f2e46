// agw tools with servers that are processes, or speak HTTP+SSE: listed, registered with their entry, refused with a remedy.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseRegistry } from '../../../src/engines/registry/registry-file.js';
import { startHttpSseServer } from '../../support/http-sse-server.js';
import { openBench, type Bench } from './cli-fixture.js';
import { PROGRAM } from '../upstream/stdio/stdio-fixture.js';

let bench: Bench;
beforeEach(() => { bench = openBench(); });
afterEach(() => bench.close());

const registry = () => parseRegistry(readFileSync(join(bench.root, 'config/capability-registry-v2.yaml'), 'utf8'), 'registry.yaml');
const COMMAND = `'${process.execPath}' "${PROGRAM}" --garbage`;

it('registers tools of a process, and what starts it', async () => {
  const ran = await bench.agw(['tools', 'add', '--from', 'stdio:tests', '--command', COMMAND, 'echo', '--risk-level', 'low', '--yes']);
  expect([ran.code, ran.err]).toEqual([0, expect.stringContaining('echo')]);
  expect(registry().tools.get('echo')).toMatchObject({ upstream: 'stdio:tests', riskLevel: 'low' });
  expect(registry().servers.get('stdio:tests')?.transport).toMatchObject({ kind: 'stdio', program: { command: process.execPath, args: [PROGRAM, '--garbage'], instance: 'shared' } });
  const again = await bench.agw(['tools', 'list', '--from', 'stdio:tests', '--json']);
  expect((JSON.parse(again.out) as { tools: { name: string }[] }).tools.map(({ name }) => name)).toContain('echo');
});

it('registers tools of a server of 2024-11-05', async () => {
  const server = await startHttpSseServer(['{"name":"echo","description":"Tool of the tests","inputSchema":{"type":"object"}}']);
  const without = await bench.agw(['tools', 'add', '--from', server.url, '--yes']);
  expect([without.code, without.err.includes('HTTP+SSE') && without.err.includes('--transport sse')]).toEqual([2, true]);
  const ran = await bench.agw(['tools', 'add', '--from', server.url, '--transport', 'sse', '--yes']);
  expect(ran.code).toBe(0);
  expect(registry().servers.get(server.url)?.transport).toEqual({ kind: 'sse' });
  expect((await bench.agw(['tools', 'list', '--from', server.url])).code).toBe(0);
  await server.close();
});

it('names what a server serves without what a name could do to a terminal', async () => {
  const server = await startHttpSseServer(['{"name":"a\\nb\\u001b[2J","description":"d","inputSchema":{"type":"object"}}']);
  const ran = await bench.agw(['tools', 'add', '--from', server.url, '--transport', 'sse', 'c', '--yes']);
  expect([ran.code, ran.err.includes('It serves: a\\u{a}b\\u{1b}[2J')]).toEqual([1, true]);
  await server.close();
});

it('waits for a server that never answers as long as it was told to, and says how long that was in all', async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((listening) => void silent.listen(0, '127.0.0.1', listening));
  const { port } = silent.address() as AddressInfo;
  const ran = await bench.agw(['tools', 'list', '--from', `http://127.0.0.1:${port}/mcp`, '--timeout', '0.2']);
  expect([ran.code, ran.err.split('\n')[0]]).toEqual([2, expect.stringMatching(/did not list its tools: no answer in [0-9.]+ s, a try over HTTP\+SSE included\.$/)]);
  expect((await bench.agw(['tools', 'list', '--from', `http://127.0.0.1:${port}/mcp`, '--timeout', 'x'])).err).toContain('--timeout x is no number');
  await new Promise((closed) => {
    silent.close(closed);
    silent.closeAllConnections();
  });
});

it.each([['nothing', 'process.exit(5)', 'It wrote nothing to stderr.'], ['something', 'console.error(7),process.exit(5)', 'What it wrote to stderr is above.']])('says of a process that ended and wrote %s whether there is anything to read', async (_what, script, words) => {
  const ran = await bench.agw(['tools', 'list', '--from', 'stdio:tests', '--command', `'${process.execPath}' -e ${script}`]);
  expect([ran.code, ran.err.split('\n').at(-1)]).toEqual([2, `Does its command run by itself? ${words}`]);
});

it.each([
  ['a header without a server', ['--header', 'A: b'], '--from'], ['a command without one', ['--command', 'x'], '--from'], ['an era without a caller', ['--from', 'http://127.0.0.1:1/mcp', '--era', '2026-07-28'], '--as'],
])('lists nothing for %s', async (_what, line, words) => {
  const ran = await bench.agw(['tools', 'list', ...line]);
  expect([ran.code, ran.err.includes(words)]).toEqual([2, true]);
});

it.each([
  ['a process that no entry names', ['--from', 'stdio:tests'], '--command'],
  ['a command for a URL', ['--from', 'http://127.0.0.1:1/mcp', '--command', 'x'], 'stdio:NAME'],
  ['a transport for a process', ['--from', 'stdio:tests', '--command', 'x', '--transport', 'sse'], 'pipes'],
  ['a header for a process', ['--from', 'stdio:tests', '--command', 'x', '--header', 'A: b'], 'pipes'],
  ['a header that is none', ['--from', 'http://127.0.0.1:1/mcp', '--header', 'Bearer x'], 'NAME: VALUE'],
  ['a secret as it is', ['--from', 'http://127.0.0.1:1/mcp', '--header', 'Authorization: Bearer abcdefgh'], '$ENV{NAME}'],
  ['a header whose variable is not set', ['--from', 'http://127.0.0.1:1/mcp', '--header', 'Authorization: Bearer $ENV{NOT_SET_ANYWHERE}'], 'NOT_SET_ANYWHERE'],
  ['a name that is none', ['--from', 'stdio:../x', '--command', 'x'], 'stdio:NAME'],
  ['a quote that is not closed', ['--from', 'stdio:tests', '--command', 'node "a b'], 'not closed'],
  ['another scheme', ['--from', 'ftp://x'], 'http: or https: (ftp://x)'],
  ['a command that says nothing', ['--from', 'stdio:tests', '--command', '  '], 'no program'],
  ['one name for all tools', ['--from', 'stdio:tests', '--command', COMMAND, '--name', 'x'], '--name is for one tool'],
  ['one name for two tools', ['--from', 'stdio:tests', '--command', COMMAND, 'echo', 'slow', '--name', 'x'], '--name is for one tool'],
  ['a program that is not there', ['--from', 'stdio:tests', '--command', 'no-such-program-anywhere'], 'ENOENT'],
  ['a program that ends', ['--from', 'stdio:tests', '--command', `${process.execPath} ${PROGRAM} --exit=5`], 'exit code 5'],
])('refuses %s, and writes nothing', async (_what, line, words) => {
  const ran = await bench.agw(['tools', 'add', ...line, '--yes']);
  expect([ran.code, ran.err.includes(words)]).toEqual([2, true]);
  expect(readFileSync(join(bench.root, 'config/capability-registry-v2.yaml'), 'utf8')).toBe('tools: []\n');
});
