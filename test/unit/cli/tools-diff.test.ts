// agw tools diff: what it prints of a tool that is served otherwise than registered, and ends with.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseJson } from '../../../src/base/json/parse-json.js';
import { openBench, type Bench } from './cli-fixture.js';

let bench: Bench;
beforeEach(() => (bench = openBench()));
afterEach(() => bench.close());

describe('agw tools diff', () => {
  const tool = { name: 'echo', state: 'verified', refused: null, registered: { hash: 'a', hash_alg: null, file: 'config/r.yaml', line: 7 }, upstream: { url: 'http://u/mcp', state: 'up', error: null }, served: {}, hashes: { seed: 'b', jcs: 'c', legacy: 'd' }, changes: [], text_differs: [] };
  const diff = async (more: object): ReturnType<Bench['agw']> => {
    await bench.serve({ 'GET /v1/tools/echo/diff': () => ({ json: { ...tool, ...more } }) });
    return bench.agw(['tools', 'diff', 'echo']);
  };

  it('prints names as they are served, whatever escapes they are written with', async () => {
    const served = { one: { 'served as': 1, '\\': 1 }, two: { 'served as': 1, '"': 2 } };
    expect((await diff({ served })).code).toBe(0);
    const { out } = await bench.agw(['tools', 'diff', 'echo', '--json']);
    expect(parseJson(out)).toMatchObject({ served });
  });

  it('ends with 0 for a tool that is served as registered, whatever the registry\'s own text says', async () => {
    expect((await diff({ text_differs: [{ path: '/description' }] })).code).toBe(0);
  });

  it.each([
    ['a changed definition', { state: 'mismatch', refused: 'registry_hash_mismatch', changes: [{ path: 'hash', kind: 'changed', before: 'a', after: { seed: 'b' } }, { path: '/description', kind: 'changed', before: 'x', after: 'y' }] }, ['registry_hash_mismatch', '/description', 'agw tools add --from http://u/mcp echo --replace']],
    ['another registered hash', { state: 'mismatch', refused: 'registry_hash_mismatch', changes: [{ path: 'hash', kind: 'changed', before: 'a', after: { seed: 'b' } }] }, ['registry_hash_mismatch', 'config/r.yaml:7', 'b (seed)']],
    ['the hash of another algorithm', { state: 'mismatch', refused: 'registry_hash_mismatch', registered: { ...tool.registered, hash: 'c', hash_alg: 'seed' }, changes: [{ path: 'hash', kind: 'changed', before: 'c', after: 'b' }] }, ['jcs', 'hash_alg: seed']],
    ['one that changed back', { state: 'mismatch', refused: 'registry_hash_mismatch', matches_again: true, since: 'then', changes: [{ path: 'hash', kind: 'changed' }] }, ['then', '--replace']],
    ['a changed member outside the hash', { changes: [{ path: '/annotations', kind: 'changed', after: {} }] }, ['/annotations']],
    ['a tool that is not served', { state: 'absent', refused: 'registry_tool_unverified', served: null }, ['registry_tool_unverified', 'http://u/mcp']],
    ['a server that is down', { state: 'unknown', refused: 'registry_tool_unverified', served: null, upstream: { url: 'http://u/mcp', state: 'down', error: 'ECONNREFUSED' } }, ['ECONNREFUSED']],
  ])('ends with 1 for %s, and shows what differs', async (_what, more, words) => {
    const { code, out } = await diff(more);
    expect(code).toBe(1);
    for (const word of words) expect(out).toContain(word);
    expect(out).not.toContain('is served as registered\n');
  });
});
