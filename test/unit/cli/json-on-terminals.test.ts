// JSON of the commands on a terminal: names and texts of tool servers, callers and files may hold what a terminal obeys, and JSON itself escapes little of it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GENESIS_HASH, sealLine } from '../../../src/audit/hash-chain.js';
import { printableJson } from '../../../src/cli/terminal.js';
import { openBench, type Bench, type Ran } from './cli-fixture.js';

/** Clears the screen, turns the reading direction, hides letters. */
const ODD = '\u009b2J\u007f\u202e\u{e0041}';
const OBEYED = /[\u001b\u007f-\u009f\u202e\u{e0041}]/u;

let bench: Bench;
let server: Server | undefined;
beforeEach(() => {
  bench = openBench();
});
afterEach(async () => {
  await bench.close();
  await new Promise((closed) => (server === undefined ? closed(undefined) : server.close(closed)));
  server = undefined;
});

async function serveEvents(...events: readonly string[]): Promise<string> {
  const listening = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(200, { 'content-type': 'text/event-stream' }).end(events.map((event) => `data: ${event}\n\n`).join('')));
  });
  server = listening;
  await new Promise<void>((listens) => listening.listen(0, '127.0.0.1', listens));
  return `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
}

/** In the words of the escapes, the odd text is all there. */
function expectHarmless({ out, err }: Ran): void {
  expect(out + err).not.toMatch(OBEYED);
  expect(out + err).toContain('\\u009b2J');
}

describe('JSON on a terminal', () => {
  it('has the rules of a file without what the terminal would obey', async () => {
    const file = bench.file('gitleaks.toml', `[[rules]]\nid = "acme"\nregex = "acme[0-9]{20}"\n[[rules]]\nid = "\\u009b2J\\u202e"\npath = "x"\n`);
    expectHarmless(await bench.agw(['rules', 'import', file, '--dry-run', '--json'], { tty: true }));
  });

  it('has the log without it', async () => {
    const lines: string[] = [];
    let last = GENESIS_HASH;
    const write = (members: object): void => {
      const sealed = sealLine(printableJson(JSON.stringify(members)).slice(0, -1), lines.length + 1, last);
      last = sealed.hash;
      lines.push(sealed.text);
    };
    write({ type: 'request', timestamp: '2026-01-01T00:00:00.000001Z', decision_id: 'd1', trace_id: 't1', tool: ODD, method: 'tools/call', decision: 'ALLOW' });
    write({ type: 'stream_end', timestamp: '2026-01-01T00:00:00.000002Z', decision_id: 'd1', trace_id: 't1', bytes: 1 });
    mkdirSync(join(bench.root, '.precinct/audit'));
    writeFileSync(join(bench.root, '.precinct/audit/audit.jsonl'), lines.map((line) => `${line}\n`).join(''));
    for (const line of [['inspect', 'traffic'], ['audit', 'search']]) expectHarmless(await bench.agw([...line, '--json'], { tty: true }));
  });

  it('has what a server sends meanwhile without it, also where that is no JSON', async () => {
    const notification = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: ODD } });
    const url = await serveEvents(notification, '\u001b[2J', '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}');
    for (const how of ['--json', '--raw']) expectHarmless(await bench.agw(['tools', 'call', 'my_tool', '--gateway', url, how], { tty: true }));
  });

  it('has a failure without it', async () => {
    expectHarmless(await bench.agw(['audit', 'search', '--last', ODD, '--json'], { tty: true }));
  });

  it('keeps its meaning, and its line breaks', () => {
    const value = { [ODD]: [`${ODD}\n\t\u001b`] };
    const shown = printableJson(JSON.stringify(value, undefined, 2));
    expect(shown).not.toMatch(OBEYED);
    expect([JSON.parse(shown), shown.split('\n').length]).toEqual([value, 5]);
  });
});
