// Servers in YAML: maps and lists with names, comments kept.
import { expect, it } from 'vitest';
import { readYamlServers } from '../../../../src/cli/clients/yaml-text.js';

const LIST = '# mine\nname: My assistant\nmodels: []\nmcpServers:\n  # files\n  - name: files\n    command: npx # started so\n    args: [-y, x]\n';
const MAP = 'GOOSE_MODEL: x\nextensions:\n  developer:\n    enabled: true # of the house\n    type: builtin\n';
const ENTRY = { name: 'precinct', type: 'streamable-http', url: 'http://localhost:9090' };

it.each([['named', LIST], ['named', 'name: x\n'], ['named', ''], ['map', MAP]] as const)('sets and removes in a %s', (form, text) => {
  const at = [form === 'map' ? 'extensions' : 'mcpServers'];
  const read = (body: string) => readYamlServers(body, at, form);
  const edited = read(text).set('precinct', ENTRY);
  expect(read(edited).servers.at(-1)).toMatchObject({ name: 'precinct', value: ENTRY });
  for (const comment of text.match(/#.*/g) ?? []) expect(edited).toContain(comment);
  expect(read(edited).set('precinct', ENTRY)).toBe(edited);
  const back = read(edited).remove('precinct');
  expect(read(back).servers.map(({ name }) => name)).toEqual(read(text).servers.map(({ name }) => name));
  if (read(text).servers.length > 0) expect(back).toBe(text);
});

it('replaces an entry of a list in its place', () => {
  const read = (body: string) => readYamlServers(body, ['mcpServers'], 'named');
  const edited = read(`${LIST}  - name: other\n    url: http://o\n`).set('files', { ...ENTRY, name: 'files' });
  expect(read(edited).servers.map(({ name }) => name)).toEqual(['files', 'other']);
});

it('keeps CRLF', () => {
  const edited = readYamlServers(MAP.replaceAll('\n', '\r\n'), ['extensions'], 'map').set('precinct', ENTRY);
  expect(edited.replaceAll('\r\n', '')).not.toContain('\n');
});

it.each([['a: [1\nb: 2\n', 2], ['- a\n', 1], ['x: 1\nextensions: 7\n', 2]])('names the line where %j is wrong', (text, line) => {
  expect(() => readYamlServers(text, ['extensions'], 'map')).toThrow(expect.objectContaining({ name: 'TextFault', line }));
});
