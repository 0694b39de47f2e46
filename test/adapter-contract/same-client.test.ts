// The same client, without a change, speaks to the server it has always spoken to and to the adapter, and sees the same. What the gateway adds is seen only where it refuses.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Kit, Surroundings } from './held-to.js';

type Seen = Readonly<Record<string, unknown>>;
type Script = (url: string, key: string) => Promise<Seen>;
interface Native {
  readonly url: string;
  close(): Promise<void>;
}
interface On {
  readonly signal: AbortSignal;
  progress(done: number, total: number, note: string): Promise<void>;
}

const load = async <Exports>(...path: readonly string[]): Promise<Exports> => (await import(pathToFileURL(join(import.meta.dirname, ...path)).href)) as Exports;
const { overHttp, overWebSocket } = await load<Readonly<Record<'overHttp' | 'overWebSocket', Script>>>('same-client.mjs');
const { startSurroundings } = await load<{ startSurroundings: (kit: Kit) => Promise<Surroundings & { readonly adapter: { readonly url: string } }> }>('surroundings.mjs');
const { startNativeServer } = await load<{ startNativeServer: (options: unknown) => Promise<Native> }>('..', '..', 'examples', 'adapter', 'native', 'server.mjs');
const { TOOLS } = await load<{ TOOLS: readonly { readonly name: string; readonly description: string; readonly inputSchema: object }[] }>('tool-server.mjs');
const { default: kit } = await load<{ default: Kit }>('kits', 'courier-http.mjs');

/** What the tool server does with the same words, in the native server's own process. */
const RUNS: Readonly<Record<string, (input: Readonly<Record<string, unknown>>, on: On) => Promise<Seen>>> = {
  data: () => Promise.resolve({ text: 'see data', data: { answer: 42, list: [1, 'two', null] } }),
  broken: () => Promise.resolve({ text: 'it broke', failed: true }),
  count: async ({ to }, { progress }) => {
    for (let n = 1; n <= Number(to); n++) await progress(n, Number(to), `number ${n}`);
    return { text: `counted to ${String(to)}` };
  },
  hold: async (_input, { progress, signal }) => {
    await progress(0, 1, 'held');
    await new Promise((resolve) => { signal.addEventListener('abort', resolve); });
    return { text: '' };
  },
};
/** Alpha may not. */
const FORBIDDEN = 'beta_only';

let surroundings: Awaited<ReturnType<typeof startSurroundings>>;
let native: Native;
const key = `native-${randomBytes(8).toString('hex')}`;

beforeAll(async () => {
  surroundings = await startSurroundings(kit);
  const actions = TOOLS.filter(({ name }) => name !== FORBIDDEN).map(({ name, description, inputSchema }) => [name, { about: description, input_schema: inputSchema, run: RUNS[name] ?? ((input: unknown) => Promise.resolve({ text: JSON.stringify(input) })) }] as const);
  native = await startNativeServer({ keys: [key], actions: Object.fromEntries(actions) });
}, 120_000);

afterAll(async () => {
  await native.close();
  await surroundings.stop();
});

describe('the same client before and after', () => {
  it.each([['HTTP', overHttp], ['WebSocket', overWebSocket]] as const)('sees the same over %s', { timeout: 60_000 }, async (_name, script) => {
    const before = await script(native.url, key);
    const after = await script(surroundings.adapter.url, surroundings.agents.alpha.key);
    expect(after).toEqual(before);
    expect(before['counted']).toMatchObject({ status: 'succeeded' });
    expect((before['events'] as readonly unknown[]).length).toBeGreaterThanOrEqual(3);
    expect((before['pages'] as readonly unknown[]).length).toBeGreaterThan(3);
    expect(before['wrongKey']).toEqual({ error: { type: 'unauthorized', code: 'unknown_key', retryable: false } });
  });

  it('knows nothing of MCP, the gateway or the adapter', () => {
    for (const file of ['courier-http.mjs', 'courier-socket.mjs']) {
      const code = readFileSync(join(import.meta.dirname, '..', '..', 'examples', 'adapter', 'client', file), 'utf8').replace(/^\/\/.*$/gm, '');
      expect(code).not.toMatch(/mcp|precinct|spiffe|gateway|adapter|tools\//i);
    }
  });
});
