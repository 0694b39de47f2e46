// A file that can't be read, and an address where no gateway of this version answers: why, what to do, and never a negative answer.
import { symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NO_RESOURCE } from '../../../src/cli/control-client.js';
import { openBench, type Bench } from './cli-fixture.js';

let bench: Bench;
beforeEach(() => { bench = openBench(); });
afterEach(() => bench.close());

describe('a file that cannot be read', () => {
  it.each([
    [['tools', 'hash', 'FILE']],
    [['rules', 'import', 'FILE']],
    [['tools', 'call', 'echo', '--token-file', 'FILE']],
    [['connect', 'cursor', '--url', 'http://localhost:9090', '--write', '--yes', '--file', 'FILE']],
    [['import', 'FILE']],
  ])('%j says why and what to do', async (line) => {
    const at = (file: string): string[] => line.map((word) => (word === 'FILE' ? file : word));
    const { code, out, err } = await bench.agw(at(join(bench.root, 'config')));
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain('config cannot be read (it is a folder, EISDIR).\nName a file in it.');
    symlinkSync(bench.file('empty.txt', ''), join(bench.root, 'link'));
    expect((await bench.agw(at(join(bench.root, 'link')))).err).not.toContain('cannot be read');
  });

  it('has its own code for machines, and a text that is not UTF-8 its remedy', async () => {
    const absent = await bench.agw(['tools', 'hash', 'absent.json', '--json']);
    expect(JSON.parse(absent.err)).toEqual({ error: { code: 'not_found', message: 'absent.json cannot be read (there is no such file, ENOENT).', remediation: 'Check the path.' } });
    const { err } = await bench.agw(['tools', 'hash', '-'], { stdin: Buffer.from('\ufeff{"a":1}', 'utf16le') });
    expect(err).toContain('is not valid UTF-8.\nWrite it as UTF-8.');
  });
});

describe('what answers', () => {
  it('and is no gateway is wrong usage, not one that needs a person', async () => {
    const other = createServer((_, response) => void response.writeHead(404, { 'content-type': 'application/json' }).end('{"message":"no"}'));
    await new Promise<void>((done) => void other.listen(0, '127.0.0.1', done));
    const { code, err } = await bench.agw(['status', '--gateway', `http://127.0.0.1:${(other.address() as AddressInfo).port}`]);
    other.close();
    expect([code, err]).toEqual([2, 'agw: 404 was answered, and not as a gateway does.\nIs --gateway really a PRECINCT gateway?']);
  });

  it.each([['', 'is empty'], ['ftp://127.0.0.1', 'ftp://127.0.0.1: no gateway is asked that way'], ['unix:///run/control.sock', 'unix:///run/control.sock: no gateway is asked that way']])('is not looked for at --gateway %j', async (gateway, said) => {
    const { code, out, err } = await bench.agw(['status', '--gateway', gateway]);
    expect([code, out, err.split('\n')[0]]).toEqual([2, '', `agw: --gateway ${said}.`]);
  });

  it('and is a gateway of another version is said to be one, not that nothing was found', async () => {
    await bench.serve({ 'GET /v1/sessions': () => ({ status: 404, json: { error: { code: 'not_found', message: NO_RESOURCE } } }) });
    const { code, out, err } = await bench.agw(['inspect', 'sessions']);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(/does not know[^]*agw version[^]*make up/);
  });
});
