// The peers bench, as far as it can be judged without peers: what is pinned, what is sent, how answers end, what is shown and what is not.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';

const BENCH = join(import.meta.dirname, '..', '..', 'bench');
const load = async (file: string): Promise<unknown> => await import(pathToFileURL(join(BENCH, file)).href);

interface Target {
  readonly key: string;
  readonly port: number;
  readonly path: string;
  readonly version?: string;
  readonly tool?: string;
}
const { callBody } = (await load('peers/call.mjs')) as { callBody: (target: Target, bytes: number) => string };
const { writeScript } = (await load('peers/wrk-load.mjs')) as { writeScript: (dir: string, target: Target, sessions: readonly (string | undefined)[], bytes: number) => string };
const { CALL_ID, endOfAnswer } = (await load('support/open-load.mjs')) as { CALL_ID: string; endOfAnswer: (text: string, headEnd: number) => number | undefined };
const { PEERS } = (await load('peers/table.mjs')) as { PEERS: readonly { key: string; version: string; load: () => Promise<{ start?: unknown }>; targets: readonly { settings: string; lacks: string }[] }[] };
const { peersNotes, peersTable, summary } = (await load('peers/report.mjs')) as {
  summary: (targets: readonly unknown[], left: readonly unknown[]) => { rows: readonly { key: string; errors: number; ratio: { median: number; lowest: number; highest: number } }[] };
  peersTable: (result: unknown) => string[][];
  peersNotes: (result: unknown) => string[];
};

describe('the table of peers', () => {
  it.each(PEERS.map((peer) => [peer.key, peer] as const))('pins %s, says what is on and what it does not check, and knows how to start it', async (_key, peer) => {
    expect(peer.version).toMatch(/^v?\d+\.\d+\.\d+$/);
    for (const { settings, lacks } of peer.targets) expect([settings, lacks].every((text) => text.length > 20)).toBe(true);
    expect((await peer.load()).start).toBeTypeOf('function');
  });
});

describe('what a target is sent', () => {
  const legacy: Target = { key: 'legacy', port: 1, path: '/mcp', version: '2025-06-18', tool: 'bench_echo' };
  const modern: Target = { key: 'modern', port: 1, path: '/mcp' };

  it.each([legacy, modern])('is as long as asked for, and numbered at one place ($key)', (target) => {
    const body = callBody(target, 1024);
    expect(body).toHaveLength(1024);
    expect(body.split(CALL_ID)).toHaveLength(2);
    expect((JSON.parse(body) as { params: { name: string; _meta?: unknown } }).params).toMatchObject({ name: target.tool ?? 'echo' });
  });

  it('carries each session in a request of its own', ({ onTestFinished }) => {
    const dir = mkdtempSync(join(tmpdir(), 'precinct-peers-'));
    onTestFinished(() => rmSync(dir, { recursive: true }));
    const script = readFileSync(writeScript(dir, legacy, ['first', 'second'], 512), 'utf8');
    expect([...script.matchAll(/Mcp-Session-Id: (\w+)/g)].map((match) => match[1])).toEqual(['first', 'second']);
    expect(script).not.toContain(`"id":${CALL_ID}`);
  });
});

describe('the end of an answer', () => {
  const end = (text: string): number | undefined => endOfAnswer(text, text.indexOf('\r\n\r\n'));

  it('is where its length says, not where the bytes end', () => {
    expect(end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1')).toBe(40);
    expect(end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no')).toBeUndefined();
  });

  it('is the last chunk where the answer is chunked', () => {
    const whole = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n';
    expect(end(whole)).toBe(whole.length);
    expect(end(`${whole}HTTP/1.1`)).toBe(whole.length);
    expect(end(whole.slice(0, -2))).toBeUndefined();
  });
});

describe('the figures', () => {
  const round = (perSecond: number, errors = 0): object => ({ perSecond, cpuUs: 10, busy: 1, p50Ms: 1, p99Ms: 2, calls: 100, errors });
  const half = (calls: number, errors = 0): object => ({ perSecond: 1, calls, p50Ms: 1, p99Ms: 22, p999Ms: 333, errors, unsent: 0 });
  const target = (key: string, rounds: readonly object[], halfLoad: object): object => ({ key, name: key, settings: 's', rounds, half: halfLoad, residentMib: 1, stopsKey: false });

  const result = summary([target('nginx', [round(100), round(200)], half(5000)), target('peer', [round(50, 1), round(20)], half(500, 2))], [{ name: 'lost', why: 'would not start:\nport taken\nat some line' }]);

  it('compare each round with nginx in the same round', () => {
    expect(result.rows[1]?.ratio).toEqual({ median: 0.3, lowest: 0.1, highest: 0.5 });
  });

  it('count the errors of both loads', () => {
    expect(result.rows.map(({ errors }) => errors)).toEqual([0, 3]);
  });

  it('show no percentile that rests on a few calls', () => {
    const titles = peersTable(result)[0] ?? [];
    const column = titles.findIndex((title) => title.includes('P99.9'));
    expect(peersTable(result).slice(1).map((row) => row[column])).toEqual(['1.00 / 22.00 / 333', '1.00 / 22.00 / –']);
  });

  it('say which load could not be sent', () => {
    const notes = (unsent: number): string => peersNotes({ body: 1, answer: 1, connections: 1, seconds: 1, rounds: 1, openConnections: 1, left: [], rows: [{ name: 'crowded', settings: 's', half: { calls: 90, unsent } }] }).join('\n');
    expect(notes(10)).toContain('crowded 10 %');
    expect(notes(0)).not.toContain('crowded 0');
  });

  it('name what has no row, and why', () => {
    const notes = peersNotes({ body: 1, answer: 1, connections: 1, seconds: 1, rounds: 2, openConnections: 1, ...result }).join('\n');
    expect(notes).toContain('**lost** has no row: would not start: port taken');
    expect(notes).not.toContain('at some line');
  });
});
