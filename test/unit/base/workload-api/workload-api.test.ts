// The Workload API's client against a real server of it on a Unix socket: several SVIDs, rotation, an agent that restarts, and what is refused.
import { Client, credentials, status, type ServiceError } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { workloadTarget } from '../../../../src/base/workload-api/address.js';
import { FETCH_X509, type X509Svid } from '../../../../src/base/workload-api/messages.js';
import { openWorkloadApi, type WorkloadApi, type WorkloadFault } from '../../../../src/base/workload-api/workload-api.js';
import { makeAuthority, makeIntermediate, makeSvid, type IssuedCertificate } from '../../../support/pki.js';
import { until } from '../../../support/until.js';
import { startWorkloadApi, x509Answer, type ServedSvid, type WorkloadApiServer } from '../../../support/workload-api-server.js';

const ONE = 'spiffe://poc.local/one';
const TWO = 'spiffe://poc.local/two';

let server: WorkloadApiServer;
let api: WorkloadApi;
let authority: IssuedCertificate;
let again: (() => void)[];
let waits: number[];
const seen: (readonly X509Svid[])[] = [];
const faults: WorkloadFault[] = [];
const svidOf = (spiffeId: string, more: Partial<ServedSvid> = {}): ServedSvid => ({ spiffeId, svid: makeSvid(authority, spiffeId), bundle: [authority], ...more });
const watch = (): void => api.watchX509({ onSvids: (svids) => void seen.push(svids), onFault: (fault) => void faults.push(fault) });

beforeEach(async () => {
  [seen.length, faults.length, again, waits] = [0, 0, [], []];
  authority = makeAuthority('of the tests');
  server = await startWorkloadApi();
  api = await openWorkloadApi({ target: workloadTarget(server.address) ?? '', after: (ms, run) => {
    waits.push(ms);
    again.push(run);
    return () => undefined;
  } });
});
afterEach(() => {
  api.close();
  server.close();
});

describe('X.509-SVIDs', () => {
  it('come in the order of the answer, with chain, key and bundle', async () => {
    const between = makeIntermediate(authority, 'between');
    const first: ServedSvid = { spiffeId: ONE, svid: makeSvid(between, ONE), chain: [between], bundle: [authority, makeAuthority('another')] };
    server.give([first, svidOf(TWO)]);
    watch();
    await until(() => seen.length === 1);
    const [one, two] = seen[0] ?? [];
    expect([one?.spiffeId, two?.spiffeId]).toEqual([ONE, TWO]);
    expect(one?.certificates).toBe(first.svid.pem + between.pem);
    expect(one?.privateKey).toBe(first.svid.privateKeyPem);
    expect(one?.bundle.startsWith(authority.pem)).toBe(true);
    expect(one?.bundle.match(/BEGIN/g)).toHaveLength(2);
  });

  it('rotate on the open stream', async () => {
    server.give([svidOf(ONE)]);
    watch();
    await until(() => seen.length === 1);
    server.give([svidOf(ONE)]);
    await until(() => seen.length === 2);
    expect(seen[1]?.[0]?.certificates).not.toBe(seen[0]?.[0]?.certificates);
    expect(server.asked).toHaveLength(1);
  });

  it('are asked for again, ever later, where none are given or the agent is gone, and at once where it served', async () => {
    watch();
    await until(() => faults.length === 1);
    expect(faults[0]?.code).toBe('no_identity');
    again.shift()?.();
    await until(() => faults.length === 2);
    expect(waits).toEqual([1000, 2000]);
    server.give([svidOf(ONE)]);
    again.shift()?.();
    await until(() => seen.length === 1);
    server.cut();
    await until(() => faults.length === 3);
    expect([faults[2]?.code, waits.at(-1)]).toEqual(['unreachable', 1000]);
  });

  it('are not asked for again where the question was wrong', async () => {
    server.give({ status: status.INVALID_ARGUMENT });
    watch();
    await until(() => faults.length === 1);
    expect([faults[0]?.code, again.length]).toEqual(['refused', 0]);
  });

  it.each([
    ['of another\'s key', () => x509Answer([svidOf(ONE, { svid: { ...makeSvid(authority, ONE), privateKey: makeSvid(authority, ONE).privateKey } })])],
    ['whose certificate has another SPIFFE ID', () => x509Answer([svidOf(ONE, { svid: makeSvid(authority, TWO) })])],
    ['that are cut', () => x509Answer([svidOf(ONE)]).subarray(0, -5)],
    ['that are no message', () => Buffer.from('\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff')],
    ['with text for certificates', () => Buffer.from([0x0a, 0x06, 0x12, 0x04, 0x61, 0x62, 0x63, 0x64])],
  ])('%s are none', async (_what, answer) => {
    server.give(answer());
    watch();
    await until(() => faults.length === 1);
    expect([faults[0]?.code, seen.length]).toEqual(['unreadable', 0]);
  });
});

describe('a JWT-SVID', () => {
  it('is for the audience and the identity that were asked for', async () => {
    server.token = (audience, spiffeId) => Promise.resolve(`${audience.join('+')}.${spiffeId}.x`.replaceAll('/', '_'));
    expect(await api.fetchJwt('https://gateway:9443', ONE)).toMatchObject({ token: 'https:__gateway:9443.spiffe:__poc.local_one.x' });
    expect(server.asked).toEqual([{ method: 'FetchJWTSVID', audience: ['https://gateway:9443'] }]);
  });

  it('that is refused says so without what was sent', async () => {
    await expect(api.fetchJwt('a', '')).rejects.toMatchObject({ code: 'no_identity' });
    server.token = () => Promise.resolve('two words');
    await expect(api.fetchJwt('a', '')).rejects.toMatchObject({ code: 'unreadable', message: expect.not.stringContaining('two') as unknown });
  });
});

it('says that no agent is there', async () => {
  server.close();
  await expect(api.fetchJwt('a', '')).rejects.toMatchObject({ code: 'unreachable' });
});

it('the server of these tests refuses who sends no security header, as an agent does', async () => {
  const bare = new Client(workloadTarget(server.address) ?? '', credentials.createInsecure());
  const same = (bytes: Buffer): Buffer => bytes;
  const refused = await new Promise<ServiceError>((resolve) => bare.makeServerStreamRequest(FETCH_X509, same, same, Buffer.alloc(0)).on('error', resolve).on('data', () => undefined));
  expect(refused.code).toBe(status.INVALID_ARGUMENT);
  bare.close();
});

it.each([
  ['unix:///run/agent.sock', 'unix:/run/agent.sock'], ['unix:/run/agent.sock', 'unix:/run/agent.sock'], ['tcp://127.0.0.1:8080', '127.0.0.1:8080'], ['tcp://[::1]:8080', '[::1]:8080'],
  ['tcp://agent:8080', undefined], ['tcp://127.0.0.1', undefined], ['unix://host/agent.sock', undefined], ['unix:', undefined], ['unix:///run/50%25.sock', 'unix:/run/50%.sock'], ['unix:///run/50%off.sock', undefined], ['/run/agent.sock', undefined], ['http://127.0.0.1:1', undefined],
])('the address %s is %s', (address, target) => {
  expect(workloadTarget(address)).toBe(target);
});
