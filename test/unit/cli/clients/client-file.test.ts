// What all formats of client files have in common: a byte order mark stays where it was, and what the client itself has written meanwhile is not overwritten.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openClientFile, readServers, replaceClientFile, type FileShape } from '../../../../src/cli/clients/client-file.js';

const MARK = '\ufeff';
const ENTRY = { name: 'precinct', url: 'http://localhost:9090' };

it.each<[FileShape, string]>([
  [{ format: 'json', at: ['mcpServers'], form: 'map' }, '{\r\n\t"mcpServers": {\r\n\t\t"a": {}\r\n\t}\r\n}\r\n'],
  [{ format: 'toml', at: ['mcp_servers'], form: 'map' }, '[mcp_servers.a]\r\nurl = "http://x"\r\n'],
  [{ format: 'yaml', at: ['extensions'], form: 'map' }, 'extensions:\r\n  a:\r\n    uri: http://x\r\n'],
  [{ format: 'yaml', at: ['mcpServers'], form: 'named' }, 'mcpServers:\r\n  - name: a\r\n'],
])('%j keeps its mark, and its line ends', (shape, text) => {
  const set = readServers(MARK + text, shape).set('precinct', ENTRY);
  expect(set).toBe(MARK + readServers(text, shape).set('precinct', ENTRY));
  expect(set.replaceAll('\r\n', '')).not.toContain('\n');
  expect(readServers(set, shape).set('precinct', ENTRY)).toBe(set);
  expect(readServers(set, shape).remove('precinct')).toBe(MARK + text);
  expect(readServers(MARK + text, shape).servers).toEqual(readServers(text, shape).servers);
});

it('is left alone where the client has written it meanwhile', () => {
  const dir = mkdtempSync(join(tmpdir(), 'precinct-client-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'mcp.json');
  const read = openClientFile(file, { format: 'json', at: ['mcpServers'], form: 'map' });
  writeFileSync(file, '{"mine":1}');
  expect(() => replaceClientFile(read, '{}', 'user', 0)).toThrow(expect.objectContaining({ code: 'changed_meanwhile' }));
  expect([readFileSync(file, 'utf8'), readdirSync(dir)]).toEqual(['{"mine":1}', ['mcp.json']]);
});
