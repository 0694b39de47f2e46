// docs/clients.md and the Python SDK's page on frameworks show the last kept run, of which nothing failed.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';

interface Row {
  readonly name: string;
  readonly role: string;
  readonly outcomes: Readonly<Record<string, string>>;
}

const HERE = join(import.meta.dirname, 'table');
const { clientsTable, integrationsTable } = (await import(pathToFileURL(join(HERE, 'table.mjs')).href)) as { clientsTable: (results?: readonly Row[]) => string; integrationsTable: () => string };
const kept = JSON.parse(readFileSync(join(HERE, 'results.json'), 'utf8')) as readonly Row[];

describe('docs/clients.md', () => {
  it('shows table/results.json as it is (make clients, with --write)', () => {
    const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'clients.md'), 'utf8');
    expect(page).toContain(`<!-- test/clients/table/results.json -->\n${clientsTable()}\n<!-- end -->`);
  });

  it('has a run of which every row that was tried says yes, or why it has no such thing', () => {
    expect(kept.flatMap(({ name, outcomes }) => Object.entries(outcomes).filter(([, outcome]) => outcome.startsWith('no')).map(([attempt, outcome]) => `${name}: ${attempt}: ${outcome}`))).toEqual([]);
    expect([kept.filter(({ role }) => role === 'client').length, kept.filter(({ role }) => role === 'server').length].every((count) => count >= 5)).toBe(true);
  });

  it('says a reason once, below the table', () => {
    const rows = ['a', 'b'].map((name) => ({ name, version: '1', role: 'client', outcomes: { list: 'yes', call: 'no: broken', error: 'yes', progress: 'has none', cancel: 'has none' } }));
    expect(clientsTable(rows).split('\n').filter((line) => /^(\| [ab] |\d)/.test(line))).toEqual(['| a | 1 | yes | no (1) | yes | – (2) | – (2) |', '| b | 1 | yes | no (1) | yes | – (2) | – (2) |', '1. no: broken', '2. has none']);
  });
});

describe('sdk/python/docs/integrations.md', () => {
  const SDK = join(import.meta.dirname, '..', '..', 'sdk', 'python');

  it('shows table/results.json as it is (make clients, with --write)', () => {
    const page = readFileSync(join(SDK, 'docs', 'integrations.md'), 'utf8');
    expect(page).toContain(`<!-- test/clients/table/results.json -->\n${integrationsTable()}\n<!-- end -->`);
    expect(integrationsTable().split('\n')).toHaveLength(4);
  });

  it('was run with the oldest versions that the extras allow', () => {
    const extras = [...readFileSync(join(SDK, 'pyproject.toml'), 'utf8').matchAll(/= \["([\w-]+)>=([\d.]+),<[\d.]+"\](?: # .*)?$/gm)].map(([, name = '', lowest = '']) => [name, lowest] as const);
    const pins = new Map([...readFileSync(join(HERE, 'integrations-lowest-requirements.txt'), 'utf8').matchAll(/^([\w-]+)==([\d.]+)$/gm)].map(([, name = '', version = '']) => [name, version]));
    const frameworks = extras.filter(([name]) => pins.has(name));
    expect(frameworks.map(([name]) => name)).toEqual(expect.arrayContaining(['langchain-core', 'openai-agents', 'pydantic-ai-slim']));
    expect(frameworks.filter(([name, lowest]) => pins.get(name) !== lowest && pins.get(name)?.startsWith(`${lowest}.`) !== true)).toEqual([]);
  });
});
