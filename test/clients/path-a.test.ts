// docs/path-a.md shows the examples as they lie there and what came of them; those that npm alone runs are run here, the others by make clients.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NAME_DEFAULT } from '../../src/cli/clients/connect.js';
import { MCP_REMOTE, remoteArgs } from '../../src/cli/clients/facts.js';
import { startEverything, type Everything } from './servers.js';

interface Refusal {
  readonly seen_by: string;
  readonly text: string;
  readonly code: string;
}
interface Row {
  readonly name: string;
  readonly role: string;
  readonly example?: string;
  readonly outcomes: Readonly<Record<string, string>>;
  readonly seen?: { readonly connected: string } | { readonly tools: number; readonly answer: string; readonly refusal: Refusal };
}
interface Gateway {
  readonly url: string;
  records(): readonly { readonly method: string; readonly decision: string; readonly code: string | null }[];
  verify(): Promise<{ readonly whole: boolean; readonly said: string }>;
  stop(): Promise<void>;
}

const ROOT = join(import.meta.dirname, '..', '..');
const HERE = join(import.meta.dirname, 'table');
const EXAMPLES = join(ROOT, 'examples', 'path-a');
const load = (...path: readonly string[]): Promise<unknown> => import(pathToFileURL(join(ROOT, 'test', ...path)).href);
const { pathATable } = (await load('clients', 'table', 'table.mjs')) as { pathATable: (rows?: readonly Row[]) => string };
const { PATH_A, GATEWAY_URL, judged, shown } = (await load('clients', 'table', 'path-a.mjs')) as {
  PATH_A: readonly { readonly name: string; readonly version: string; readonly example: string; readonly kind?: string; readonly run: (url: string) => Promise<unknown> }[];
  GATEWAY_URL: string;
  judged: (seen: unknown, records: ReturnType<Gateway['records']>) => Readonly<Record<string, string>>;
  shown: (seen: unknown) => Row['seen'];
};
const { startGatewayBefore } = (await load('support', 'gateway-before.mjs')) as { startGatewayBefore: (upstream: string, options: { readonly refused: string }) => Promise<Gateway> };

const page = readFileSync(join(ROOT, 'docs', 'path-a.md'), 'utf8');
const kept = (JSON.parse(readFileSync(join(HERE, 'results.json'), 'utf8')) as readonly Row[]).filter(({ role }) => role === 'path A');
const files = readdirSync(EXAMPLES).filter((name) => !name.endsWith('.md')).sort();
const text = (name: string): string => readFileSync(join(EXAMPLES, name), 'utf8');

describe('docs/path-a.md', () => {
  it('shows table/results.json as it is (make clients, with --write)', () => {
    expect(page).toContain(`<!-- test/clients/table/results.json -->\n${pathATable()}\n<!-- end -->`);
  });

  it('shows each configuration as it lies in examples/path-a', () => {
    const blocks = [...page.matchAll(/^```json (\S+)\n([\s\S]*?)^```$/gm)].map(([, name = '', body = '']) => [name, body]);
    expect(Object.fromEntries(blocks)).toEqual(Object.fromEntries(files.filter((name) => name.endsWith('.json')).map((name) => [name, text(name)])));
  });

  it('shows a line of each program', () => {
    const lines = [...page.matchAll(/^\| [^|]+ \| `([^`|]+)`(?: of the \w+)? \| \[(\w+\.py)\]/gm)].map(([, line = '', name = '']) => (text(name).includes(line) ? 'there' : `${name}: ${line}`));
    expect(lines).toEqual(Array.from({ length: 6 }, () => 'there'));
  });

  it('has a run of every example, of which nothing failed', () => {
    expect(kept.map(({ example }) => example).sort()).toEqual(files);
    expect(kept.map(({ name }) => name)).toEqual(PATH_A.map(({ name }) => name));
    expect(kept.filter(({ outcomes }) => outcomes['list'] !== 'yes' || Object.values(outcomes).some((outcome) => outcome.startsWith('no'))).map(({ name }) => name)).toEqual([]);
    expect(kept.filter(({ seen }) => seen === undefined).map(({ name }) => name)).toEqual([]);
  });

  it('has told the model the code and the remedy wherever an example says so', () => {
    const told = kept.filter(({ example = '' }) => example.includes('told_why')).map(({ seen }) => (seen !== undefined && 'refusal' in seen ? [seen.refusal.seen_by, seen.refusal.code, seen.refusal.text.includes('pass secrets by reference')] : []));
    expect(told).toEqual([['model', 'in the text', true], ['model', 'in the text', true]]);
  });
});

describe('an example', () => {
  it.each(files.filter((name) => name.endsWith('.json')))('%s calls the gateway what agw connect calls it', (name) => {
    const { mcpServers, servers } = JSON.parse(text(name)) as Readonly<Record<string, object | undefined>>;
    expect(Object.keys(mcpServers ?? servers ?? {})).toEqual([NAME_DEFAULT]);
  });

  it('starts mcp-remote as agw connect prints it, in the version that the table was run with', () => {
    const { mcpServers } = JSON.parse(text('claude-desktop.json')) as { mcpServers: Readonly<Record<string, unknown>> };
    expect(mcpServers[NAME_DEFAULT]).toEqual({ command: 'npx', args: remoteArgs(GATEWAY_URL) });
    expect(PATH_A.filter(({ example }) => example === 'claude-desktop.json').map(({ version }) => `mcp-remote@${version}`)).toEqual([MCP_REMOTE]);
  });

  it.each(files.filter((name) => name.includes('told_why')))('%s tells the model nothing that approves its own call', (name) => {
    expect(text(name)).not.toMatch(/remediation|details|command/);
  });

  it.each(files)('%s has one URL, which is the gateway\'s', (name) => {
    expect(text(name).match(/https?:\/\/[^"\s]+/g)).toEqual([GATEWAY_URL]);
  });
});

describe('a configuration that npm alone can run', () => {
  let everything: Everything;
  let gateway: Gateway;

  beforeAll(async () => {
    everything = await startEverything();
  });
  afterAll(() => everything.stop());

  it.each(PATH_A.filter(({ kind }) => kind === undefined))('$example reaches the tools, and its refusal has the code', { timeout: 120_000 }, async ({ run }) => {
    gateway = await startGatewayBefore(everything.url, { refused: 'get-env' });
    try {
      const seen = await run(gateway.url);
      expect(judged(seen, gateway.records())).toEqual({ list: 'yes', call: 'yes', error: 'yes' });
      expect(shown(seen)).toMatchObject({ refusal: { seen_by: 'program', code: 'in the text' } });
      expect((await gateway.verify()).whole).toBe(true);
    } finally {
      await gateway.stop();
    }
  });
});

describe('the verdict on a run', () => {
  const good = { tools: ['echo'], answer: 'Echo: hello from the table', refusal: { seen_by: 'model', text: 'no', data: null } };
  const records = [{ method: 'tools/list', decision: 'ALLOW', code: null }, { method: 'tools/call', decision: 'DENY', code: 'dlp_credentials_detected' }];

  it('is yes only where the gateway recorded the same', () => {
    expect(judged(good, records)).toEqual({ list: 'yes', call: 'yes', error: 'yes' });
    expect(Object.values(judged(good, [])).filter((outcome) => outcome !== 'yes')).toHaveLength(2);
    expect(judged({ ...good, answer: '' }, records)['call']).toMatch(/^no/);
    expect(judged(good, [...records, ...records])['error']).toMatch(/^no: refused 2 times/);
    expect(judged({ connected: '✘ Failed to connect' }, records)['list']).toMatch(/^no/);
  });
});
