// One HTTP request to the gateway's listener and the MCP messages it is answered with, each as it comes.
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { ConnectionOptions, PeerCertificate } from 'node:tls';
import { isJson, isSse } from '../mcp/media-types.js';
import { createSseSplitter } from '../upstream/sse.js';
import type { ClientTls, DataPlane } from './data-plane.js';
import { CliFailure } from './failure.js';

/** Whole answers: what a person or a script can still use. */
export const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const STATUS_ACCEPTED = 202;

export interface McpRequest {
  readonly method: 'POST' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** For the whole exchange. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** A JSON-RPC message as it stands in the answer. */
  readonly onMessage: (text: string) => void;
}

export interface McpAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
}

/** Resolves when the answer is whole. Rejects with CliFailure that says what is between here and the gateway. */
export async function exchange(plane: DataPlane, asked: McpRequest): Promise<McpAnswer> {
  const { request: send } = plane.url.protocol === 'https:' ? await import('node:https') : await import('node:http');
  const options = { ...(plane.tls === undefined ? {} : await tlsOptions(plane.url, plane.tls)), method: asked.method, agent: false, headers: { ...headersFor(asked), ...plane.headers } };
  return new Promise((resolve, reject) => {
    let answered = false;
    const request = send(plane.url, options, (response) => {
      answered = true;
      read(request, response, asked.onMessage, resolve, (error) => fail(error));
    });
    const fail = (error: Error): void => reject(explain(error, plane.url, answered));
    request.on('error', fail);
    limit(request, asked);
    request.end(asked.body);
  });
}

/** Ends the exchange with `signal`, or when `timeoutMs` are over; 0 = it takes as long as it takes. */
export function limit(request: ClientRequest, { signal, timeoutMs }: Pick<McpRequest, 'signal' | 'timeoutMs'>): void {
  const stop = (): void => void request.destroy(new CliFailure('stopped.', { code: 'stopped' }));
  const late = (): void => void request.destroy(new CliFailure(`the gateway did not answer in ${timeoutMs / 1000} s.`, { remedy: 'What came of the call is in the log: agw audit search --last 5. More time: --timeout', code: 'timeout' }));
  const timer = timeoutMs === 0 ? undefined : setTimeout(late, timeoutMs);
  request.on('close', () => {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  });
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
}

function headersFor({ headers, body }: McpRequest): Record<string, string> {
  return body === undefined ? { ...headers } : { ...headers, 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) };
}

function read(request: ClientRequest, response: IncomingMessage, onMessage: (text: string) => void, resolve: (answer: McpAnswer) => void, reject: (error: Error) => void): void {
  const status = response.statusCode ?? 0;
  const type = response.headers['content-type'] ?? '';
  const chunks: Buffer[] = [];
  let bytes = 0;
  const tooLarge = (): void => void request.destroy(new CliFailure('the answer is larger than 64 MiB.', { code: 'answer_too_large' }));
  const splitter = isSse(type) ? createSseSplitter(ANSWER_BYTES_MAX, ({ data }) => { if (data !== undefined && data.length > 0) onMessage(Buffer.from(data).toString('utf8')); }) : undefined;
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) return tooLarge();
    if (splitter === undefined) chunks.push(chunk);
    else if (!splitter.push(chunk)) tooLarge();
  });
  response.on('error', reject);
  response.on('end', () => {
    if (splitter === undefined && chunks.length > 0 && isJson(type)) onMessage(Buffer.concat(chunks).toString('utf8'));
    else if (splitter === undefined && status !== STATUS_ACCEPTED && bytes > 0 && !isJson(type)) return reject(notMcp(status));
    resolve({ status, headers: response.headers });
  });
}

export function notMcp(status: number): CliFailure {
  return new CliFailure(`it answered HTTP ${status} with something that is not MCP.`, { remedy: 'Is --gateway really a PRECINCT gateway?', code: 'not_mcp' });
}

type IdentityOptions = Required<Pick<ConnectionOptions, 'servername' | 'checkServerIdentity' | 'secureContext'>>;

/** A gateway on this machine is asked by its address, and its certificate may have the name or the address. Rejects with CliFailure: later the files would be at fault in the middle of an exchange. */
export async function tlsOptions(url: URL, { cert, key, ca }: ClientTls): Promise<IdentityOptions> {
  const { checkServerIdentity, createSecureContext } = await import('node:tls');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const names = /^(127\.|::1$)/.test(host) ? [host, 'localhost'] : [host];
  const checkIdentity = (_name: string, certificate: PeerCertificate): Error | undefined => {
    const faults = names.map((name) => checkServerIdentity(name, certificate));
    return faults.includes(undefined) ? undefined : faults[0];
  };
  try {
    const secureContext = createSecureContext({ ...(ca === undefined ? {} : { ca }), ...(cert === '' ? {} : { cert, key }) });
    return { servername: names.at(-1) ?? host, checkServerIdentity: checkIdentity, secureContext };
  } catch (error) {
    throw new CliFailure(`certificate, key or authorities cannot be used (${(error as NodeJS.ErrnoException).code ?? ''}).`, { remedy: 'Each is PEM, and the key belongs to the certificate.', code: 'evidence_unreadable' });
  }
}

const NOBODY = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'EADDRNOTAVAIL']);
const UNTRUSTED = /^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_|ERR_TLS_CERT_ALTNAME_INVALID|INVALID_CA)/;

/** What came between here and the gateway; `answered`: its answer had begun. */
export function explain(error: Error, { origin }: URL, answered: boolean): CliFailure {
  if (error instanceof CliFailure) return error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (NOBODY.has(code)) return new CliFailure(`no gateway answers at ${origin} (${code}).`, { remedy: 'Start it: make up. If it runs: agw status says where it listens, --gateway http://host:port names it.', code: 'gateway_unreachable' });
  if (UNTRUSTED.test(code)) return new CliFailure(`the certificate of ${origin} is not trusted here (${code}).`, { remedy: 'Name its authorities with --ca, and the gateway by a name that its certificate has: --gateway https://name:port', code: 'gateway_untrusted' });
  if (answered) return new CliFailure(`${origin} hung up before its answer was whole (${code || error.message}).`, { remedy: 'What came of the call is in the log: agw audit search --last 5', code: 'answer_cut' });
  return new CliFailure(`${origin} hung up without an answer (${code || error.message}).`, { remedy: 'If the call had begun, the tool may have run it: agw audit search --last 5. If not: does it speak the protocol of that URL (http or https), and accept this certificate? See: agw status', code: 'gateway_unreachable' });
}
