// The worked adapter over HTTP: what is wrong is refused in Courier's shape, each agent has its own actions alone, and everything has its bound.
import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { until } from '../support/until.js';
import { adapter, connected, gateway, http, invoke, start } from './adapter-rig.js';

const POLLED = { timeout: 25_000 };
const statusOf = async (path: string): Promise<unknown> => (await http('GET', path, 'key-alpha')).body['status'] ?? 'unknown';

/** An action that a person is asked about. */
async function pending(of: number): Promise<string> {
  const { status, body } = await invoke('key-alpha', 'deed', { of });
  expect([status, body]).toMatchObject([202, { status: 'pending', approval: { request_id: `apr-${of}` } }]);
  return `/v1/actions/${String(body['id'])}`;
}

describe('over HTTP', () => {
  it('what is wrong is refused in the protocol\'s shape, and the gateway sees nothing', async () => {
    await start({ body_bytes: 2000 });
    for (const [what, method, path, key, body, status, code] of [
      ['no key', 'POST', '/v1/actions', undefined, '{}', 401, 'unknown_key'], ['a wrong key', 'GET', '/v1/actions', 'key', undefined, 401, 'unknown_key'], ['another path', 'GET', '/v2', 'key-alpha', undefined, 404, 'unknown_path'],
      ['a path that is none', 'GET', '//', 'key-alpha', undefined, 400, 'invalid_request'],
      ['another method', 'PUT', '/v1/actions', 'key-alpha', '{}', 405, 'method_not_allowed'], ['a wrong page', 'GET', '/v1/actions?limit=0', 'key-alpha', undefined, 400, 'invalid_request'],
      ['an action that is none', 'GET', '/v1/actions/act_x', 'key-alpha', undefined, 404, 'unknown_action'], ['a body above the limit', 'POST', '/v1/actions', 'key-alpha', `{"action":"x","input":{"t":"${'x'.repeat(3000)}"}}`, 413, 'too_large'],
      ['a number that would be rounded', 'POST', '/v1/actions', 'key-alpha', '{"action":"x","input":{"n":12345678901234567890}}', 400, 'number_too_large'], ['a number without end', 'POST', '/v1/actions', 'key-alpha', '{"action":"x","input":{"n":1e999}}', 400, 'number_too_large'],
    ] as const) {
      const { status: got, body: { error } } = await http(method, path, key, body);
      expect([what, got, error?.['code'], typeof error?.['message'], error?.['retryable']]).toEqual([what, status, code, 'string', false]);
    }
    expect(gateway.seen).toEqual([]);
  });

  it('digits within a text are no number', async () => {
    await start();
    expect((await invoke('key-alpha', 'echo', { n: '12345678901234567890', '98765432109876543210': 1.5 })).body).toMatchObject({ status: 'succeeded', output: { text: '{"n":"12345678901234567890","98765432109876543210":1.5}' } });
  });

  it('a body that is sent in pieces has the same limit', async () => {
    await start({ body_bytes: 2000 });
    const { status } = await http('POST', '/v1/actions', 'key-alpha', 'x'.repeat(3000), { 'transfer-encoding': 'chunked' });
    expect([status, gateway.seen]).toEqual([413, []]);
  });

  it('another agent\'s action can be neither seen nor cancelled, and ends with who asked for it', async () => {
    await start();
    const asked = request(new URL('/v1/actions', adapter.url), { method: 'POST', headers: { 'courier-key': 'key-alpha', accept: 'application/x-ndjson' } });
    asked.on('error', () => undefined);
    asked.end('{"action":"hang"}');
    const id = await new Promise<string>((resolve) => { asked.on('response', (response) => { response.once('data', (part: Buffer) => resolve((JSON.parse(part.toString().split('\n')[0] ?? '') as { id: string }).id)); }); });
    await until(() => gateway.seen.length > 0);
    for (const method of ['GET', 'DELETE']) expect((await http(method, `/v1/actions/${id}`, 'key-beta')).status).toBe(404);
    expect((await http('GET', `/v1/actions/${id}`, 'key-alpha')).body).toMatchObject({ id, action: 'hang', status: 'running' });
    asked.destroy();
    await until(() => gateway.hangUps === 1);
  });

  it('an answer above the limit, and one that comes too late though it tells of progress, may have come of something', async () => {
    await start({ answer_bytes: 1000, call_timeout_ms: 3000 });
    expect(await invoke('key-alpha', 'echo', { text: 'x'.repeat(2000) })).toMatchObject({ status: 502, body: { error: { code: 'outcome_unknown', retryable: false } } });
    expect(await invoke('key-alpha', 'hang')).toMatchObject({ status: 504, body: { error: { code: 'timed_out', retryable: false } } });
    expect((await invoke('key-alpha', 'echo', { text: 'x' })).status).toBe(200);
  });

  it('who takes nothing is cut, and the call with it', async () => {
    await start({ stalled_s: 1 });
    const asked = request(new URL('/v1/actions', adapter.url), { method: 'POST', headers: { 'courier-key': 'key-alpha', accept: 'application/x-ndjson' } });
    asked.on('error', () => undefined);
    asked.end('{"action":"many","input":{"events":400,"bytes":100000}}'); // above what the sockets' buffers hold
    await new Promise((resolve) => { asked.on('response', resolve); });
    await until(() => adapter.log.includes('"outcome":"cancelled"'));
    asked.destroy();
  });

  it('of what waited for a person so many results are kept', async () => {
    await start({ approval_wait_s: 1, calls_per_agent: 2 });
    const paths = [await pending(1), await pending(2)];
    for (const path of paths) await expect.poll(() => statusOf(path), POLLED).toBe('error');
    expect((await http('GET', paths[0] ?? '', 'key-alpha')).body.error).toMatchObject({ code: 'stepup_approval_required', reason: 'nobody has decided apr-1', retryable: true });
    paths.push(await pending(3));
    expect(await Promise.all(paths.map(statusOf))).toEqual(['unknown', 'error', expect.stringMatching(/^(pending|error)$/)]);
  });

  it('and they are kept so long', async () => {
    await start({ approval_wait_s: 1, kept_result_s: 1 });
    const path = await pending(1);
    await expect.poll(() => statusOf(path), POLLED).toBe('unknown');
  });

  it('only so many connections are taken', async () => {
    await start({ connections: 2 });
    const [one] = [await connected(), await connected()];
    await expect(http('GET', '/v1/health', undefined)).rejects.toThrow();
    one.raw.terminate();
    await expect.poll(() => http('GET', '/v1/health', undefined).then(({ status }) => status, () => 'none'), POLLED).toBe(200);
  });
});
