// A SPIFFE Workload API on a Unix socket: gives what a test says, sees what it was asked with, and refuses who sends no security header, as an agent does.
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials, status, type handleServerStreamingCall, type handleUnaryCall, type ServerWritableStream } from '@grpc/grpc-js';
import { allOf, readFields, textOf, writeField } from '../../src/base/workload-api/protobuf.js';
import type { IssuedCertificate } from './pki.js';

export interface ServedSvid {
  readonly spiffeId: string;
  readonly svid: IssuedCertificate;
  /** Above the leaf. */
  readonly chain?: readonly IssuedCertificate[];
  readonly bundle: readonly IssuedCertificate[];
}

export interface WorkloadApiServer {
  /** `unix:///…` */
  readonly address: string;
  /** To everyone who watches, now and later; a status ends the streams with it, undefined says nothing. */
  give(answer: X509Given): void;
  /** Of JWT-SVIDs. */
  token: (audience: readonly string[], spiffeId: string) => Promise<string> | { readonly status: number };
  /** Whose they are, as it says beside them. */
  tokenOf: string;
  readonly asked: { readonly method: string; readonly audience: readonly string[] }[];
  readonly watching: number;
  /** Ends every stream, as an agent that is restarted. */
  cut(): void;
  /** Is gone, until it is started again: then it serves at the same address. */
  stop(): void;
  start(): Promise<void>;
  close(): void;
}

type X509Given = readonly ServedSvid[] | Buffer | { readonly status: number } | undefined;

const SERVICE = '/SpiffeWorkloadAPI/';
const same = (bytes: Buffer): Buffer => bytes;
export const derOf = (certificates: readonly IssuedCertificate[]): Buffer => Buffer.concat(certificates.map(({ pem }) => new X509Certificate(pem).raw));

export function x509Answer(svids: readonly ServedSvid[]): Buffer {
  return Buffer.concat(svids.map(({ spiffeId, svid, chain = [], bundle }) => writeField(1, Buffer.concat([
    writeField(1, spiffeId), writeField(2, derOf([svid, ...chain])), writeField(3, svid.privateKey.export({ type: 'pkcs8', format: 'der' })), writeField(4, derOf(bundle)), writeField(5, 'a hint'),
  ]))));
}

export async function startWorkloadApi(): Promise<WorkloadApiServer> {
  const dir = mkdtempSync(join(tmpdir(), 'precinct-workload-'));
  const address = `unix://${join(dir, 'agent.sock')}`;
  const streams = new Set<ServerWritableStream<Buffer, Buffer>>();
  let answer: X509Given = { status: status.PERMISSION_DENIED };
  let server = new Server();
  const send = (stream: ServerWritableStream<Buffer, Buffer>): void => {
    if (answer === undefined) return;
    if ('status' in answer) stream.emit('error', { code: answer.status, details: 'refused by the test' });
    else stream.write(Buffer.isBuffer(answer) ? answer : x509Answer(answer as readonly ServedSvid[]));
  };
  const watch: handleServerStreamingCall<Buffer, Buffer> = (stream) => {
    if (stream.metadata.get('workload.spiffe.io')[0] !== 'true') return void stream.emit('error', { code: status.INVALID_ARGUMENT, details: 'security header missing' });
    api.asked.push({ method: 'FetchX509SVID', audience: [] });
    streams.add(stream);
    stream.on('close', () => streams.delete(stream)).on('cancelled', () => streams.delete(stream));
    send(stream);
  };
  const fetchToken: handleUnaryCall<Buffer, Buffer> = ({ metadata, request }, reply) => {
    if (metadata.get('workload.spiffe.io')[0] !== 'true') return reply({ code: status.INVALID_ARGUMENT, details: 'security header missing' });
    const fields = readFields(request);
    const audience = allOf(fields, 1).map(String);
    api.asked.push({ method: 'FetchJWTSVID', audience });
    const token = api.token(audience, textOf(fields, 2));
    if ('status' in token) return reply({ code: token.status, details: 'refused by the test' });
    token.then((svid) => reply(null, writeField(1, Buffer.concat([writeField(1, api.tokenOf), writeField(2, svid)]))), () => reply({ code: status.INTERNAL }));
  };
  const stop = (): void => {
    streams.clear();
    server.forceShutdown();
  };
  const bytes = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
  const api: WorkloadApiServer = {
    address,
    asked: [],
    token: () => ({ status: status.PERMISSION_DENIED }),
    tokenOf: 'spiffe://poc.local/of-the-token',
    get watching() { return streams.size; },
    give: (next) => {
      answer = next;
      for (const stream of streams) send(stream);
    },
    cut: () => {
      for (const stream of streams) stream.end();
    },
    stop,
    start: () => {
      server = new Server();
      server.addService({
        watch: { path: `${SERVICE}FetchX509SVID`, requestStream: false, responseStream: true, ...bytes },
        fetchToken: { path: `${SERVICE}FetchJWTSVID`, requestStream: false, responseStream: false, ...bytes },
      }, { watch, fetchToken });
      return new Promise((resolve, reject) => server.bindAsync(address.replace('unix://', 'unix:'), ServerCredentials.createInsecure(), (error) => (error === null ? resolve() : reject(error))));
    },
    close: () => {
      stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  await api.start();
  return api;
}
