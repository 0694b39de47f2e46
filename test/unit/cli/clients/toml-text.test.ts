// Servers in TOML: tables of their own are written and cut out, everything else is left alone or refused.
import { expect, it } from 'vitest';
import { readTomlServers } from '../../../../src/cli/clients/toml-text.js';

const TEXT = '# top\nmodel = "o" # why\n\n[mcp_servers.a]\ncommand = "x"\n[mcp_servers.a.env]\nKEY = "1"\n\n# about the screen\n[tui]\nlines = """\n[mcp_servers.fake]\n"""\n';
const read = (text: string) => readTomlServers(text, ['mcp_servers']);

it('adds a table at the end, and takes exactly it away again', () => {
  const edited = read(TEXT).set('precinct', { url: 'http://localhost:9090' });
  expect(edited).toBe(`${TEXT}\n[mcp_servers.precinct]\nurl = "http://localhost:9090"\n`);
  expect(read(edited).remove('precinct')).toBe(TEXT);
  expect(read(edited).set('precinct', { url: 'http://localhost:9090' })).toBe(edited);
});

it('removes a table with its parts, and no comment of the next one', () => {
  const edited = read(TEXT).remove('a');
  expect(edited).toContain('# about the screen\n[tui]');
  expect(edited).not.toContain('KEY');
  expect(read(edited).servers).toEqual([]);
});

it('takes CRLF and quoted names', () => {
  const text = 'model = "o"\r\n[mcp_servers."my server"]\r\nurl = "http://x"\r\n';
  const edited = read(text).set('precinct', { url: 'http://y' });
  expect(edited.startsWith(text)).toBe(true);
  expect(edited.replaceAll('\r\n', '')).not.toContain('\n');
  expect(read(edited).servers.map(({ name, line }) => [name, line])).toEqual([['my server', 2], ['precinct', 5]]);
  expect(read(read(edited).remove('precinct')).servers.map(({ name }) => name)).toEqual(['my server']);
});

it.each(['mcp_servers = { a = { url = "x" }, precinct = { url = "old" } }\n', '[mcp_servers]\nprecinct = { url = "old" }\n', 'mcp_servers.precinct.url = "old"\n'])('leaves what is written otherwise to a person: %s', (text) => {
  expect(() => read(text).set('precinct', { url: 'new' })).toThrow();
  expect(() => read(text).remove('precinct')).toThrow('not written as a table of its own');
});

it('names the place of a fault', () => {
  expect(() => read('a = 1\nb = = 2\n')).toThrow(expect.objectContaining({ name: 'TextFault', line: 2 }));
});
