// agw bridge with options and variables that would mean nothing: refused at its start, because a client's configuration is written once and believed.
import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const AGW = join(resolve(import.meta.dirname, '..', '..'), 'bin', 'agw');
const LINE = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n';
const ID = 'spiffe://poc.local/gateway';
const bridge = (words: readonly string[], env: Readonly<Record<string, string>> = {}) => spawnSync(process.execPath, [AGW, 'bridge', ...words], { input: LINE, encoding: 'utf8', env: { PATH: process.env['PATH'], AGW_STATE_DIR: '/nowhere', ...env } });

it.each([
  [['--svid', ID], {}, '--workload-api'],
  [['--audience', 'x', '--as', 'me'], { SPIFFE_ENDPOINT_SOCKET: 'unix:///nowhere' }, '--workload-api'],
  [['--gateway', 'http://127.0.0.1:9', '--gateway-id', ID], {}, 'https://'],
  [['--gateway', 'https://127.0.0.1:9', '--gateway-id', 'gateway'], {}, 'SPIFFE ID'],
  [[], { PRECINCT_GATEWAY_URL: '127.0.0.1:9' }, 'http://host:port'],
])('%j %j is refused, and names %s', (words, env, named) => {
  const { status, stdout, stderr } = bridge(words, env);
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toContain(named);
});

it.each([
  [['--gateway', 'https://127.0.0.1:9', '--gateway-id', ID], {}],
  [['--gateway', 'https://127.0.0.1:9', '--audience', 'x'], { SPIFFE_ENDPOINT_SOCKET: 'unix:///nowhere' }],
  [['--gateway', 'http://127.0.0.1:9'], { PRECINCT_GATEWAY_URL: 'no matter' }],
])('%j %j starts', (words, env) => {
  expect(bridge(words, env)).toMatchObject({ status: 0, stdout: expect.stringContaining('"id":1') as string });
});
