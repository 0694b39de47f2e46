// Every bound, filled: what comes beyond it is refused or takes the oldest's place; nothing grows, and no verdict changes by it.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keepFile } from '../../src/base/kept/kept-files.js';
import { Roster } from '../../src/base/roster/roster.js';
import { createTableMemory, SharedTable } from '../../src/base/shared/table.js';
import { BOUNDS } from '../../src/cli/documents/bounds.js';
import { configSections } from '../../src/cli/documents/config-keys.js';
import { isErrorCode } from '../../src/base/errors/table.js';
import { breakerTable, createCircuitBreakers } from '../../src/engines/limits/circuit-breaker.js';
import { bucketTable, createRateLimiter } from '../../src/engines/limits/token-bucket.js';
import { alone, createMcpSessions } from '../../src/engines/mcp-session/sessions.js';
import { parseChains } from '../../src/engines/session-risk/chains.js';
import { SessionTableFull } from '../../src/engines/session-risk/entries.js';
import { createSessionRisk } from '../../src/engines/session-risk/session-risk.js';
import { createSentSecrets } from '../../src/engines/secrets/sent-secrets.js';
import { Load } from '../../src/front/admission.js';
import { createPeers } from '../../src/front/peer-load.js';
import { LIST_ITEM_BYTES_MAX } from '../../src/mcp/lists.js';
import { createSseSplitter } from '../../src/upstream/sse.js';
import { createCallers } from './bounds-fixture.js';
import { BASE, facts, load } from '../unit/engines/policy/facts.js';
import { rpc, startInProcessGateway, toolCall, toolText, type InProcessGateway } from '../support/gateway-in-process.js';
import { MCP_ACCEPT } from '../support/inbound-reply.js';
import { startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';

const HOUR = 3_600_000;
const { callerOf, id } = createCallers();

describe('the table of bounds', () => {
  const all = BOUNDS.flatMap(({ bounds }) => bounds);
  const keys = new Set(configSections().flatMap((section) => section.keys.map((key) => `${section.name ?? ''}.${key.key}`)));

  it.each(all.map((bound) => [bound.what, bound] as const))('says of "%s" what is there', (_what, { key, fixed, then }) => {
    expect([key, fixed].filter((one) => one !== undefined)).toHaveLength(1);
    if (key !== undefined) expect(keys).toContain(key);
    if (fixed !== undefined) {
      const written = new RegExp(`const ${fixed.constant}\\b[^=]*= (.*?)(?:;|$)`, 'm').exec(readFileSync(fixed.file, 'utf8'))?.[1];
      expect(written).toBeDefined();
      if (/^[\d/]/.test(fixed.value)) expect(written).toBe(fixed.value);
    }
    for (const [, code = ''] of then.matchAll(/`([a-z]+_[a-z_]+)`/g)) expect(isErrorCode(code), code).toBe(true);
  });

  it('has every key of the config that ends in _max', () => {
    const named = new Set(all.map(({ key }) => key));
    const notGrowth = ['breaker.probes_max'];
    expect([...keys].filter((key) => key.endsWith('_max') && !named.has(key) && !notGrowth.includes(key))).toEqual([]);
  });
});

describe('the front', () => {
  it('takes bodies and requests up to the bound, whole or not at all', () => {
    const all = new Load(64 * 1024);
    expect(all.requestsMax).toBe(16);
    const peers = createPeers(all, { requestsPerIpMax: 2, bodyBytesPerIpMax: 40_000 });
    const [one, other] = [peers.of('192.0.2.1'), peers.of('192.0.2.2')];
    for (const peer of [one, one]) peer.enter();
    expect([one.crowded, other.crowded]).toEqual([true, false]);
    expect([one.takeBytes(40_000), one.takeBytes(1), one.full]).toEqual([true, false, 'body_bytes_per_ip']);
    expect([other.takeBytes(30_000), other.full, all.bytes]).toEqual([false, 'inflight_body_bytes', 40_000]);
    for (let n = 0; n < 14; n++) other.enter();
    expect(all.full).toBe(true);
  });

  it('remembers addresses that have nothing under way up to a number', () => {
    let made = 0;
    const roster = new Roster(() => ({ busy: made++ === 0 }), (one) => !one.busy);
    const busy = roster.of('busy');
    for (let n = 0; n < 20_000; n++) roster.of(`idle-${n}`);
    expect(roster.of('busy')).toBe(busy);
    expect(made).toBe(20_001);
    expect(roster.of('idle-0').busy).toBe(false);
    expect(made).toBe(20_002); // it had been forgotten
  });
});

describe('sessions', () => {
  const chains = parseChains(readFileSync('config/session_chains.yaml', 'utf8'), 'session_chains.yaml');
  const risk = (sessionsMax: number) => createSessionRisk({ ttlMs: HOUR, halfLifeMs: 900_000, riskDenyAt: 0.7, actionsKept: 3, sessionsMax }, chains);

  it('of tainted callers fill the table: newcomers are refused, and nobody is washed clean', () => {
    const sessions = risk(64);
    const tainted: string[] = [];
    for (let n = 0; n < 200; n++) {
      try {
        sessions.taint(callerOf(n), undefined, 'sensitive', 'read', 0);
        tainted.push(callerOf(n));
      } catch (fault) {
        expect(fault).toBeInstanceOf(SessionTableFull);
      }
    }
    expect(tainted.length).toBeGreaterThan(32);
    expect(sessions.size).toBeLessThanOrEqual(64);
    for (const caller of tainted) expect(sessions.load(caller, undefined, 1).tainted).toBe(true);
    expect(() => sessions.load(callerOf(999), undefined, 1)).toThrow(SessionTableFull);
  });

  it('of one caller beyond the bound fall back to the caller, who keeps the taint', () => {
    const sessions = risk(1000);
    for (let n = 0; n < 300; n++) sessions.taint(callerOf(0), `session-${n}`, 'sensitive', 'read', n);
    expect(sessions.size).toBeLessThanOrEqual(101);
    expect(sessions.load(callerOf(0), 'session-0', 300).tainted).toBe(true);
    expect(() => sessions.taint(callerOf(1), undefined, 'sensitive', 'read', 300)).not.toThrow();
  });

  it('keep the newest of their actions', () => {
    const sessions = risk(64);
    for (let n = 0; n < 10; n++) sessions.record(callerOf(0), undefined, { tool: `tool-${n}`, classification: 'public', external: false, riskLevel: 'low', destination: undefined, atMs: n });
    expect(sessions.load(callerOf(0), undefined, 10).previousActions.map(({ tool }) => tool)).toEqual(['tool-7', 'tool-8', 'tool-9']);
  });

  it('of MCP: a caller loses the longest unused one, a full table takes none', () => {
    const limits = { perCallerMax: 3, totalMax: 8, ttlMs: HOUR };
    const sessions = createMcpSessions(limits, alone(limits, id));
    const mine = [1, 2, 3, 4, 5].map((n) => sessions.open(callerOf(0), '2025-11-25', '{}', n)?.id ?? '');
    expect(mine.map((one) => sessions.find(one, callerOf(0), 6) !== undefined)).toEqual([false, false, true, true, true]);
    const others = Array.from({ length: 20 }, (_, n) => sessions.open(callerOf(n + 1), '2025-11-25', '{}', 7));
    expect(others.filter((one) => one !== undefined)).toHaveLength(5);
    expect(sessions.size).toBe(8);
  });
});

describe('limits', () => {
  it('refuse a newcomer where every bucket is in use; a bucket in use is not given up for one', () => {
    const limiter = createRateLimiter(new SharedTable(createTableMemory(bucketTable(16)), 1));
    const first = Array.from({ length: 16 }, (_, n) => limiter.take(callerOf(n), 1, 2, 0).allowed);
    expect(first.filter(Boolean).length).toBeGreaterThan(8);
    expect(limiter.take(callerOf(999), 1, 2, 0).allowed).toBe(false);
    expect([limiter.take(callerOf(0), 1, 2, 0).allowed, limiter.take(callerOf(0), 1, 2, 0).allowed]).toEqual([true, false]);
    expect(limiter.take(callerOf(999), 1, 2, 10 * HOUR).allowed).toBe(true); // all are full again, and give way
  });

  it('keep the breakers that are open where there is room for no further one', () => {
    const breakers = createCircuitBreakers({ failuresToOpen: 1, resetTimeoutMs: HOUR, successesToClose: 1, probesMax: 1 }, new SharedTable(createTableMemory({ ...breakerTable(), capacity: 8 }), 1), 0);
    for (let n = 0; n < 50; n++) breakers.settle(`tool-${n}`, false, 'failure', 0);
    expect([...breakers.all()].filter(([, state]) => state.kind === 'open')).toHaveLength(8);
    expect([breakers.admit('tool-0', 1).admitted, breakers.admit('tool-49', 1).admitted]).toEqual([false, true]);
  });
});

describe('caches', () => {
  it('of decisions evict, and decide the same', () => {
    const set = load(`${BASE}allow if input.tool_name == "my_tool"`);
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < 12_000; n += 1) {
        if (set.decide(facts({ callerSpiffeId: callerOf(n), toolName: n % 2 === 0 ? 'my_tool' : 'other' })).kind !== (n % 2 === 0 ? 'allow' : 'deny')) throw new Error(`decision ${n} is wrong`);
      }
    }
    set.close();
  });

  it('of secrets sent keep the newest of each server', () => {
    const sent = createSentSecrets();
    for (let n = 0; n < 300; n++) sent.remember('http://one', [`value-${n}`]);
    expect([sent.of('http://one').length, sent.of('http://one').at(-1), sent.of('http://one').includes('value-0')]).toEqual([256, 'value-299', false]);
  });

  it('on disk keep eight files of a kind', () => {
    const folder = mkdtempSync(join(tmpdir(), 'precinct-kept-'));
    for (let n = 0; n < 12; n++) keepFile(folder, { kind: 'matcher', key: String(n), ending: '.hsdb' }, Buffer.from(String(n)));
    keepFile(folder, { kind: 'rules', key: '0', ending: '.v8' }, Buffer.from('0'));
    expect(readdirSync(folder).filter((name) => name.startsWith('matcher-'))).toHaveLength(8);
    expect(readdirSync(folder)).toContain('rules-0.v8');
    rmSync(folder, { recursive: true });
  });
});

describe('what a tool server sends', () => {
  it('is refused at the event that is too large', () => {
    const splitter = createSseSplitter(1000, () => undefined);
    expect(splitter.push(Buffer.from('data: '))).toBe(true);
    const taken = Array.from({ length: 20 }, () => splitter.push(Buffer.from('x'.repeat(100))));
    expect([taken[0], taken.at(-1)]).toEqual([true, false]);
  });
});

describe('a definition of a tool', () => {
  it('that no model could read is not served, though it is the registered one', async () => {
    const text = toolText('long').replace('of the tests', 'x'.repeat(LIST_ITEM_BYTES_MAX));
    const server = await startScriptedServer([toolText('echo'), text]);
    const gateway = await startInProcessGateway({ tools: [{ name: 'echo', url: server.url }, { name: 'long', url: server.url, text }] });
    expect([(await gateway.ask(toolCall('long', {}))).code, (await gateway.ask(toolCall('echo', { text: 'hi' }))).status]).toEqual(['registry_tool_unverified', 200]);
    const listed = (await gateway.ask(rpc('tools/list'))).json as { readonly result: { readonly tools: readonly { readonly name: string }[] } };
    expect(listed.result.tools.map(({ name }) => name)).toEqual(['echo']);
    await gateway.close();
    await server.close();
  });
});

describe('in a session', () => {
  let server: ScriptedServer;
  let gateway: InProcessGateway;
  const CLIENT = { headers: { accept: MCP_ACCEPT } };
  beforeAll(async () => {
    server = await startScriptedServer([toolText('echo')]);
    gateway = await startInProcessGateway({ tools: [{ name: 'echo', url: server.url }], config: ['session:', '  initialize_bytes_max: 1024'] });
  });
  afterAll(async () => {
    await gateway.close();
    await server.close();
  });
  const initialize = (name: string) => gateway.ask(rpc('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name, version: '1' } }), CLIENT);

  it('the greeting is kept, and refused when it is too long to be', async () => {
    expect((await initialize('x')).status).toBe(200);
    const refused = await initialize('x'.repeat(2000));
    expect(refused.text).toContain('initialize_too_large');
  });

  it('a server that names it with more than an id is not believed', async () => {
    server.sessionName = 'x'.repeat(8000);
    server.sessions.clear();
    const answer = await gateway.ask(toolCall('echo', { text: 'hi' }), CLIENT);
    expect(answer.text).toContain('"session_id"');
  });
});
