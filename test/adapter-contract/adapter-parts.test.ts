// The worked adapter's parts, each for itself: what a session keeps, who is who, what a refusal becomes, pages, config.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AuthenticationError, CallTimeoutError, ConfigurationError, GatewayError, InputRequiredError, ProtocolError, RateLimitError, SecretError, TransportError, type Refusal } from '@precinct/sdk';
import { Agents } from '../../examples/adapter/src/agents.js';
import { BOUNDS, readConfig } from '../../examples/adapter/src/config.js';
import { Outbox } from '../../examples/adapter/src/outbox.js';
import { CourierFault, pageOf, readInvocation, readPage } from '../../examples/adapter/src/protocol.js';
import { faultOf } from '../../examples/adapter/src/refusals.js';

let dir = '';
beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'precinct-adapter-')); });
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const frame = (text: string) => ({ kind: 'event', text });
const isOver = async (work: Promise<unknown>): Promise<boolean> => Promise.race([work.then(() => true, () => true), new Promise<boolean>((resolve) => { setImmediate(() => resolve(false)); })]);

describe('the outbox', () => {
  it('numbers what it keeps, and lets nobody push beyond the window until there is room', async () => {
    const outbox = new Outbox(200);
    const sent: string[] = [];
    outbox.attach((text) => void sent.push(text));
    await outbox.push(frame('x'.repeat(100)));
    const second = outbox.push(frame('y'.repeat(100)));
    expect([await isOver(second), outbox.isFull, sent.length]).toEqual([false, true, 1]);
    outbox.acknowledge(1);
    await second;
    expect([outbox.isFull, sent.map((text) => (JSON.parse(text) as { seq: number }).seq)]).toEqual([false, [1, 2]]);
  });

  it('lets a frame larger than the window go alone', async () => {
    const outbox = new Outbox(10);
    await outbox.push(frame('x'.repeat(1000)));
    const next = outbox.push(frame('y'));
    expect(await isOver(next)).toBe(false);
    outbox.acknowledge(1);
    await next;
  });

  it('sends again what was not seen, to whoever comes back, in order', async () => {
    const outbox = new Outbox(1000);
    for (const text of ['a', 'b', 'c']) await outbox.push(frame(text));
    const sent: string[] = [];
    outbox.attach((text) => void sent.push(text), 1);
    expect(sent.map((text) => (JSON.parse(text) as { text: string }).text)).toEqual(['b', 'c']);
    expect([outbox.canResume(0), outbox.canResume(1), outbox.canResume(3), outbox.canResume(4), outbox.canResume(Number.NaN)]).toEqual([false, true, true, false, false]);
  });

  it.each([0, -1, 7, Number.NaN, 1.5])('takes %s for no acknowledgement', async (seq) => {
    const outbox = new Outbox(1000);
    for (const text of ['a', 'b']) await outbox.push(frame(text));
    outbox.acknowledge(seq);
    expect(outbox.canResume(0)).toBe(true);
  });

  it('gives up whoever waits when the session ends', async () => {
    const outbox = new Outbox(10);
    await outbox.push(frame('a'));
    const waiting = outbox.push(frame('b'));
    outbox.close(new Error('over'));
    await expect(waiting).rejects.toThrow('over');
    await expect(outbox.push(frame('c'))).rejects.toThrow('over');
  });
});

describe('the agents', () => {
  const hash = (key: string): string => createHash('sha256').update(key).digest('hex');
  const write = (agents: unknown): string => {
    const file = join(dir, 'agents.json');
    writeFileSync(file, JSON.stringify({ agents }));
    return file;
  };
  const alpha = { key_sha256: hash('one'), spiffe_id: 'spiffe://poc.local/agents/mcp-client/alpha/dev', dev_header: true };
  const beta = { key_sha256: hash('two'), spiffe_id: 'spiffe://poc.local/agents/mcp-client/beta/dev', jwt_file: 'beta.jwt' };

  it('are found by their keys alone', () => {
    const agents = new Agents(write([alpha, beta]), () => undefined);
    expect([agents.find('one')?.evidence, agents.find('two')?.spiffeId]).toEqual([{ spiffeId: alpha.spiffe_id }, beta.spiffe_id]);
    for (const wrong of ['', 'One', 'one ', alpha.spiffe_id, alpha.key_sha256, 'x'.repeat(10_000), undefined, null, 1, ['one'], {}]) expect(agents.find(wrong)).toBeUndefined();
  });

  it('are taken back when the file no longer has them; the others stay who they are', () => {
    const agents = new Agents(write([alpha, beta]), () => undefined);
    const [first, second] = [agents.find('one'), agents.find('two')];
    write([beta]);
    expect([agents.find('one'), agents.find('two') === second]).toEqual([undefined, true]);
    expect([first !== undefined && agents.isCurrent(first), second !== undefined && agents.isCurrent(second)]).toEqual([false, true]);
  });

  it('stay as they were while the file is wrong, which is said once', () => {
    const said: string[] = [];
    const file = write([alpha]);
    const agents = new Agents(file, (event) => void said.push(event));
    writeFileSync(file, '{"agents":');
    expect([agents.find('one')?.spiffeId, agents.find('one')?.spiffeId, said]).toEqual([alpha.spiffe_id, alpha.spiffe_id, ['agents_file_refused']]);
  });

  it.each([
    ['a key in the clear', [{ ...alpha, key_sha256: 'one' }]], ['no identity', [{ ...alpha, spiffe_id: 'alpha' }]], ['no evidence', [{ ...alpha, dev_header: 'yes' }]], ['half of a certificate', [{ ...alpha, dev_header: false, cert_file: 'a', key_file: 'b' }]],
    ['one key for two', [alpha, { ...beta, key_sha256: alpha.key_sha256 }]], ['no list', {}],
  ])('are refused with %s', (_what, agents) => {
    expect(() => new Agents(write(agents), () => undefined)).toThrow(/agents/);
  });
});

const refusal: Refusal = {
  code: 'authz_policy_denied', message: 'No.', step: 6, middleware: 'opa_policy', reasonCode: 'because', decisionId: 'd', traceId: 't', details: undefined, remediation: 'Do this.', docsUrl: undefined, retryAfter: undefined, httpStatus: 200, rpcCode: 403,
};

describe('a refusal', () => {
  it('loses nothing', () => {
    expect(faultOf(new GatewayError(refusal))).toMatchObject({ status: 403, body: { type: 'denied', code: 'authz_policy_denied', message: 'No.', reason: 'because', remediation: 'Do this.', decision_id: 'd', trace_id: 't', retryable: false } });
  });

  it('of the rate limit says when to come again', () => {
    expect(faultOf(new RateLimitError({ ...refusal, code: 'ratelimit_exceeded', httpStatus: 429, rpcCode: 429, retryAfter: 7 }))).toMatchObject({ status: 429, body: { type: 'throttled', retryable: true, retry_after_ms: 7000 } });
  });

  it('of the adapter\'s own evidence, or of a secret, does not blame the agent\'s key', () => {
    expect(faultOf(new AuthenticationError({ ...refusal, code: 'auth_invalid_identity', step: 3, httpStatus: 401, rpcCode: 401 }))).toMatchObject({ status: 502, body: { type: 'unavailable', code: 'auth_invalid_identity' } });
    expect(faultOf(new SecretError({ ...refusal, code: 'token_expired', step: 13, httpStatus: 200, rpcCode: 401 }))).toMatchObject({ status: 403, body: { code: 'token_expired' } });
  });

  it.each([
    ['never sent', new TransportError('x', { kind: 'connection', mayHaveRun: false }), 503, 'gateway_unreachable', true],
    ['lost', new TransportError('x', { kind: 'connection', mayHaveRun: true }), 502, 'outcome_unknown', false],
    ['out of time', new CallTimeoutError('x', { mayHaveRun: true, traceId: 't' }), 504, 'timed_out', false],
    ['of the tool server', new ProtocolError('Not so.', { rpcCode: -32602, data: undefined, httpStatus: 200, traceId: 't' }), 400, 'tool_protocol_error', false],
    ['a question', new InputRequiredError({ inputRequests: {}, requestState: undefined, traceId: 't' }), 502, 'input_required', false],
    ['without evidence', new ConfigurationError('The function given as jwtSvid failed.'), 502, 'adapter_misconfigured', false],
    ['a fault', new Error('the key is sesame'), 500, 'adapter_fault', false],
  ])('%s is %s', (_what, error, status, code, retryable) => {
    const fault = faultOf(error);
    expect([fault.status, fault.body.code, fault.body.retryable]).toEqual([status, code, retryable]);
    expect(JSON.stringify(fault.body)).not.toContain('sesame');
  });
});

describe('requests', () => {
  const names = ['c', 'a', 'e', 'b', 'd'].map((action) => ({ action }));

  it('page through everything once, also when something comes or goes between two pages', () => {
    const first = pageOf(names, readPage('2', undefined));
    expect(first.data.map(({ action }) => action)).toEqual(['a', 'b']);
    const second = pageOf(names.filter(({ action }) => action !== 'b'), readPage(2, first.page.next));
    expect([second.data.map(({ action }) => action), pageOf(names, readPage(2, second.page.next))]).toEqual([['c', 'd'], { data: [{ action: 'e' }], page: { next: null } }]);
  });

  it.each([['0', undefined], ['201', undefined], ['x', undefined], ['1.5', undefined], [undefined, 'bm90aGluZw'], [undefined, ''], [undefined, 1], [undefined, 'x'.repeat(2000)]])('refuse limit %s with cursor %s', (limit, cursor) => {
    expect(() => readPage(limit, cursor)).toThrow(CourierFault);
  });

  it.each([null, [], 'text', {}, { action: '' }, { action: 1 }, { action: 'x'.repeat(300) }, { action: 'a', input: [] }, { action: 'a', input: 'x' }, { action: 'a', input: null }])('refuse %j as an action', (value) => {
    expect(() => readInvocation(value)).toThrow(CourierFault);
  });
});

describe('the config', () => {
  const read = (value: unknown) => {
    writeFileSync(join(dir, 'adapter.json'), JSON.stringify(value));
    return readConfig(join(dir, 'adapter.json'));
  };

  it('has a default for everything, and paths beside the file', () => {
    expect(read({})).toEqual({ host: '127.0.0.1', port: 8095, tls: undefined, gatewayUrl: 'http://localhost:9090', agentsFile: join(dir, 'agents.json'), bounds: BOUNDS });
    expect(read({ bounds: { connections: 2 } }).bounds).toEqual({ ...BOUNDS, connections: 2 });
  });

  it.each([
    ['keys in the clear', { listen: { host: '0.0.0.0' } }, /in the clear/], ['an unknown key', { gatewayurl: 'x' }, /unknown: gatewayurl/], ['an unknown bound', { bounds: { calls: 1 } }, /bounds\.calls/], ['no bound', { bounds: { connections: 0 } }, /bounds\.connections/],
    ['a bound that is no number', { bounds: { connections: '1' } }, /bounds\.connections/], ['a port that is none', { listen: { port: 'x' } }, /listen\.port/],
  ])('is refused with %s', (_what, value, why) => {
    expect(() => read(value)).toThrow(why);
  });

  it('takes another host with TLS', () => {
    expect(read({ listen: { host: '0.0.0.0', cert_file: 'c.pem', key_file: 'k.pem' } }).tls).toEqual({ certFile: join(dir, 'c.pem'), keyFile: join(dir, 'k.pem') });
  });
});
