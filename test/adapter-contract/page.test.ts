// docs/adapters.md says how large the worked adapter is and what the contract asks, and both are so; its example files can be used.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Agents } from '../../examples/adapter/src/agents.js';
import { readConfig } from '../../examples/adapter/src/config.js';

const ROOT = join(import.meta.dirname, '..', '..');
const load = async <Exports>(file: string): Promise<Exports> => (await import(pathToFileURL(join(import.meta.dirname, file)).href)) as Exports;
const { linesTable } = await load<{ linesTable: () => { readonly all: number; readonly table: string } }>('lines.mjs');
const { CASES, dutiesTable } = await load<{ CASES: readonly { readonly id: string; readonly duty: string }[]; dutiesTable: () => string }>('contract.mjs');
const page = readFileSync(join(ROOT, 'docs', 'adapters.md'), 'utf8');

describe('docs/adapters.md', () => {
  it('counts the lines of the worked adapter as they are', () => {
    expect(page).toContain(`<!-- node test/adapter-contract/lines.mjs -->\n${linesTable().table}\n<!-- end -->`);
    expect(linesTable().all).toBeLessThan(950);
  });

  it('lists every duty of the contract', () => {
    expect(page).toContain(`<!-- node test/adapter-contract/run.mjs --duties -->\n${dutiesTable()}\n<!-- end -->`);
    expect(new Set(CASES.map(({ id }) => id)).size).toBe(CASES.length);
  });

  it('names a runner that explains itself, and does not call it done when no case was asked for', () => {
    const run = (...words: string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } => spawnSync(process.execPath, [join(import.meta.dirname, 'run.mjs'), ...words], { encoding: 'utf8' });
    const help = run('--help');
    expect(help.status).toBe(0);
    for (const option of ['--kit', '--only', '--json', '--duties']) expect(help.stdout).toContain(option);
    expect(run('--kit', join(import.meta.dirname, 'kits', 'courier-http.mjs'), '--only', 'no-such/')).toMatchObject({ status: 2, stderr: expect.stringContaining('no-such/') as unknown });
  });

  it('shows a key that the example knows', () => {
    const { agentsFile, host, gatewayUrl } = readConfig(join(ROOT, 'examples', 'adapter', 'adapter.example.json'));
    const [key = ''] = [...page.matchAll(/Courier-Key: ([\w-]+)'/g)].map((match) => match[1]);
    expect(new Agents(agentsFile, () => undefined).find(key)).toMatchObject({ spiffeId: 'spiffe://poc.local/agents/mcp-client/my-agent/dev', evidence: { spiffeId: 'spiffe://poc.local/agents/mcp-client/my-agent/dev' } });
    expect([host, gatewayUrl, readFileSync(agentsFile, 'utf8').includes(createHash('sha256').update(key).digest('hex'))]).toEqual(['127.0.0.1', 'http://localhost:9090', true]);
  });
});
