// What of an entry of servers is valid and deserves a person's eye.
import { expect, it } from 'vitest';
import { parseRegistry } from '../../../../src/engines/registry/registry-file.js';
import { serverWarnings } from '../../../../src/engines/registry/warnings.js';

const warned = (name: string, value: string, upstream = 'http://127.0.0.1:1/mcp'): string[] =>
  serverWarnings(parseRegistry(`tools: []\nservers:\n  - upstream: ${upstream}\n    headers: {${name}: '${value}'}\n`, 'r.yaml')).map(({ line, message }) => `${line} ${message}`);

it.each([
  ['Authorization', 'Bearer $ENV{KEY}'], ['X-Team', 'platform'], ['X-Keyboard', 'de'], ['Authorization', ''], ['X-Price', '$5'],
])('%s: %s is right', (name, value) => {
  expect(warned(name, value)).toEqual([]);
});

it.each(['Bearer ${KEY}', 'Bearer $KEY', '${env:KEY}', 'Bearer {KEY}'])('a variable that is none is said: %s', (value) => {
  expect(warned('Authorization', value)).toEqual([expect.stringMatching(/^3 .*its Authorization is sent as it is written: .*\$ENV\{NAME\}/)]);
});

it.each(['Authorization', 'X-Api-Key', 'X-Auth-Token', 'Cookie'])('a key that stands in the file is said, and not shown: %s', (name) => {
  const [warning = ''] = warned(name, 'Bearer swordfish-77');
  expect(warning).toContain(`its ${name} stands in this file`);
  expect(warning).not.toContain('swordfish');
});

it('a key over plain HTTP to another machine is said', () => {
  expect(warned('Authorization', 'Bearer $ENV{KEY}', 'http://tools.example.com/mcp')).toEqual([expect.stringContaining('over plain HTTP')]);
});
