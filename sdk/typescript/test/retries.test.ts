// What is asked again, how long is waited, and what is never asked twice. Clock and chance are the test's.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { GatewayClient, type CallOptions, type ClientOptions, type PrecinctError } from '../src/index.js';
import { CODES } from '../src/codes.js';
import { ownSurroundings, type OwnSurroundings } from './support/own-surroundings.js';
import { refusal, startScripted, text, type Play, type ScriptedGateway } from './support/scripted-gateway.js';

let gateway: ScriptedGateway;
let surroundings: OwnSurroundings;

beforeAll(async () => { gateway = await startScripted(); });
beforeEach(() => {
  gateway.seen.length = 0;
  surroundings = ownSurroundings({ chance: 0.5 });
});
afterAll(() => gateway.close());

async function call(plays: readonly Play[], options: ClientOptions = {}, callOptions: CallOptions = {}): Promise<{ said: string; error: PrecinctError | undefined; asked: number; waited: readonly number[] }> {
  gateway.play(...plays);
  const client = new GatewayClient({ gatewayUrl: gateway.url, surroundings, ...options });
  try {
    const outcome = await client.callTool('t', { a: 1 }, callOptions).then(({ text: said }) => ({ said, error: undefined }), (error: unknown) => ({ said: '', error: error as PrecinctError }));
    return { ...outcome, asked: gateway.seen.length, waited: surroundings.waited };
  } finally {
    await client.close();
  }
}

const busy = (code: string, retryAfter?: string): Play => refusal(code, { rpcCode: CODES[code as keyof typeof CODES].status, status: 200, more: { middleware_step: CODES[code as keyof typeof CODES].step }, headers: retryAfter === undefined ? {} : { 'retry-after': retryAfter } });
const bare = (status: number): Play => (_seen, response) => void response.writeHead(status, { 'content-type': 'text/plain', 'retry-after': '2' }).end('busy');
const lost: Play = (_seen, response) => void response.destroy();
const BUSY = Object.entries(CODES).filter(([, { status }]) => status === 503 || status === 429).map(([code]) => code);
const OTHERS = Object.entries(CODES).filter(([code, { status }]) => status !== 503 && status !== 429 && code !== 'session_not_found').map(([code]) => code);

describe('retries', () => {
  it.each(BUSY)('%s is asked again', async (code) => {
    expect(await call([busy(code), busy(code), text('a')])).toMatchObject({ said: 'a', asked: 3, waited: [0.5, 1] });
  });

  it.each(OTHERS)('%s is not', async (code) => {
    expect(await call([busy(code), text('a')])).toMatchObject({ error: { code }, asked: 1, waited: [] });
    expect((await call([busy(code), text('a')], {}, { idempotent: true })).asked).toBe(2); // two calls of one request each
  });

  it('double their pause, wait at least what is asked for, and end', async () => {
    expect(await call([busy('gateway_overloaded')], { backoffBase: 2 })).toMatchObject({ error: { code: 'gateway_overloaded' }, asked: 4, waited: [1, 2, 4] });
    surroundings = ownSurroundings({ chance: 0.5 });
    gateway.seen.length = 0;
    expect(await call([busy('ratelimit_exceeded', '3')], { maxRetries: 2 })).toMatchObject({ error: { code: 'ratelimit_exceeded', retryAfter: 3 }, asked: 3, waited: [3, 3] });
  });

  it('wait no longer than a minute, and never past the call\'s time', async () => {
    expect((await call([busy('circuit_open', '3600'), text('a')], { timeout: 100 })).waited).toEqual([60]);
    surroundings = ownSurroundings();
    gateway.seen.length = 0;
    expect(await call([busy('circuit_open', '30'), text('a')], { timeout: 30 })).toMatchObject({ error: { code: 'circuit_open' }, asked: 1, waited: [] });
  });

  it('are the same call, byte for byte but for the id, in the same trace', async () => {
    await call([busy('gateway_overloaded'), text('a')]);
    const [first, second] = gateway.seen;
    expect(second?.text).toBe(first?.text.replace('"id":1', '"id":2'));
    expect(second?.headers['traceparent']).toBe(first?.headers['traceparent']);
  });

  it('are none with maxRetries 0', async () => {
    expect(await call([busy('gateway_overloaded'), text('a')], { maxRetries: 0 })).toMatchObject({ error: { code: 'gateway_overloaded' }, asked: 1 });
  });

  it.each<[string, Play]>([['a lost connection', lost], ['a bare 503', bare(503)], ['a bare 429', bare(429)]])('come after %s only where the call is idempotent', async (_what, play) => {
    expect(await call([play, text('a')])).toMatchObject({ error: { name: 'TransportError', mayHaveRun: true }, asked: 1 });
    gateway.seen.length = 0;
    expect(await call([play, text('a')], {}, { idempotent: true })).toMatchObject({ said: 'a', asked: 2 });
  });

  it.each<[string, Play, boolean]>([['broke off', lost, true], ['was refused', busy('gateway_overloaded'), false]])('know what ran when the first one %s, and the next one meets nobody, or no answer in time', async (_what, first, mayHaveRun) => {
    const gone = await startScripted();
    await gone.close();
    const thenNobody: typeof fetch = (url, init) => fetch(gateway.seen.length === 0 ? url : gone.url, init);
    expect((await call([first], { fetch: thenNobody }, { idempotent: true })).error).toMatchObject({ name: 'TransportError', kind: 'connection', mayHaveRun });
    gateway.seen.length = 0;
    const thenLate = (): string => {
      if (gateway.seen.length > 0) surroundings.pass(30);
      return 'a.b.c';
    };
    expect((await call([first], { jwtSvid: thenLate }, { idempotent: true })).error).toMatchObject({ name: 'CallTimeoutError', mayHaveRun });
  });

  it.each([502, 504, 500, 200])('never come after a bare %i', async (status) => {
    expect(await call([bare(status), text('a')], {}, { idempotent: true })).toMatchObject({ error: { name: 'TransportError', httpStatus: status }, asked: 1 });
  });

  it('end when the caller no longer wants them', async () => {
    const stop = new AbortController();
    const play: Play = (seen, response, request) => {
      busy('gateway_overloaded')(seen, response, request);
      stop.abort();
    };
    expect(await call([play, text('a')], {}, { signal: stop.signal })).toMatchObject({ error: { name: 'AbortError' }, asked: 1 });
  });
});

describe('an approval', () => {
  const pending = (requestId = 'r1', retryAfter = '5'): Play => refusal('stepup_approval_required', { more: { middleware_step: 9, details: { request_id: requestId, command: `agw approvals approve ${requestId}`, expires_at: '2026-12-01T00:00:00.000Z' } }, headers: { 'retry-after': retryAfter } });
  const denied = refusal('stepup_denied', { more: { middleware_step: 9, details: { request_id: 'r1' } } });

  it('is not waited for unless it is asked for', async () => {
    expect(await call([pending(), text('a')])).toMatchObject({ error: { name: 'StepUpError', code: 'stepup_approval_required', retryAfter: 5, details: { request_id: 'r1' } }, asked: 1 });
  });

  it('is waited for with the identical call, and said once', async () => {
    const said: unknown[] = [];
    expect(await call([pending(), pending(), text('a')], { onApprovalRequested: (request) => said.push(request) }, { waitForApproval: 60 })).toMatchObject({ said: 'a', asked: 3, waited: [5, 5] });
    expect(await call([pending(), text('a')], { onApprovalRequested: () => said.push('the client\'s') }, { waitForApproval: 60, onApprovalRequested: () => said.push('the call\'s') })).toMatchObject({ said: 'a' });
    expect(said.splice(1)).toEqual(['the call\'s']);
    expect(said).toEqual([{ requestId: 'r1', command: 'agw approvals approve r1', expiresAt: '2026-12-01T00:00:00.000Z' }]);
    expect(new Set(gateway.seen.map(({ text: sent }) => sent.replace(/"id":\d+/, ''))).size).toBe(1);
  });

  it('outlasts the time of one call: each round has its own', async () => {
    expect(await call([pending(), pending(), pending(), text('a')], { timeout: 6, waitForApproval: 60 })).toMatchObject({ said: 'a', asked: 4 });
  });

  it('ends with the denial', async () => {
    expect(await call([pending(), denied], { waitForApproval: 60 })).toMatchObject({ error: { name: 'StepUpError', code: 'stepup_denied' }, asked: 2 });
  });

  it('ends when its wait does, after one last question', async () => {
    expect(await call([pending()], { waitForApproval: 12 })).toMatchObject({ error: { name: 'ApprovalTimeoutError', requestId: 'r1', command: 'agw approvals approve r1', code: 'stepup_approval_required' }, asked: 4, waited: [5, 5, 2] });
  });

  it('ends when the request has expired: another one is open', async () => {
    expect(await call([pending('r1'), pending('r2')], { waitForApproval: 60 })).toMatchObject({ error: { name: 'ApprovalTimeoutError', requestId: 'r1', details: { request_id: 'r2' } }, asked: 2 });
  });

  it('is asked for after five seconds where the gateway names none', async () => {
    const silent = refusal('stepup_approval_required', { more: { middleware_step: 9, details: { request_id: 'r1' } } });
    expect((await call([silent, text('a')], { waitForApproval: 60 })).waited).toEqual([5]);
  });

  it('is not asked for in a hot loop, whatever the gateway says', async () => {
    expect((await call([pending('r1', '0'), pending('r1', '0'), text('a')], { waitForApproval: 60 })).waited).toEqual([0.1, 0.1]);
  });

  it('and a busy gateway go together', async () => {
    expect(await call([pending(), busy('gateway_overloaded'), text('a')], { waitForApproval: 60 })).toMatchObject({ said: 'a', asked: 3, waited: [5, 0.5] });
  });

  it('is given up when the caller says so', async () => {
    const stop = new AbortController();
    expect(await call([pending(), text('a')], { onApprovalRequested: () => stop.abort() }, { waitForApproval: 60, signal: stop.signal })).toMatchObject({ error: { name: 'AbortError' }, asked: 1 });
  });
});
