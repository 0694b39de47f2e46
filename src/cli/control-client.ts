// Speaks to the running gateway: JSON over its unix socket, or, for health alone, over the data port.
import type { ClientRequest, RequestOptions } from 'node:http';
import { CliFailure } from './failure.js';
import { parseJson } from '../base/json/parse-json.js';
import { reachableSocketPath } from '../base/store/socket-path.js';
import { placeText } from '../base/config/fault.js';
import { listOf, member, numberOf, recordOf, textOf } from './reading.js';

/** A reload compiles every policy on every thread; nothing else takes seconds. */
const ANSWER_TIMEOUT_MS = 60_000;
/** What every gateway says of a path that it does not have: then the two are not of one version. */
export const NO_RESOURCE = 'no such control resource';
/** Largest answer: a full tool list of many servers. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

export interface ControlClient {
  /** What it speaks to, as a person would name it. */
  readonly address: string;
  /** Only health can be asked: `--gateway http://…`. */
  readonly dataPlaneOnly: boolean;
  get(path: string): Promise<unknown>;
  post(path: string, body: unknown): Promise<unknown>;
}

/** `address` is a socket's path or an http URL. */
export function controlClient(address: string): ControlClient {
  const dataPlaneOnly = /^https?:\/\//i.test(address);
  if (address === '' || (!dataPlaneOnly && /^[a-z][a-z0-9+.-]*:\/\//i.test(address))) {
    throw new CliFailure(`--gateway ${address === '' ? 'is empty' : `${address}: no gateway is asked that way`}.`, { remedy: 'Name its control socket, .precinct/control.sock, or for health alone http://host:port', code: 'usage' });
  }
  const ask = (method: string, path: string, body?: unknown): Promise<unknown> => {
    if (dataPlaneOnly && path.startsWith('/v1/')) return Promise.reject(needsSocket(address));
    return exchange(address, dataPlaneOnly ? urlOptions(address, method, path) : socketOptions(address, method, path), body);
  };
  return { address, dataPlaneOnly, get: (path) => ask('GET', path), post: (path, body) => ask('POST', path, body) };
}

function needsSocket(address: string): CliFailure {
  return new CliFailure(`${address} is the data plane; this command needs the control socket.`, { remedy: 'Pass its path: --gateway .precinct/control.sock' });
}

function socketOptions(socketPath: string, method: string, path: string): RequestOptions {
  return { socketPath: reachableSocketPath(socketPath), method, path, headers: { host: 'localhost' } };
}

function urlOptions(address: string, method: string, path: string): RequestOptions {
  let url: URL;
  try {
    url = new URL(path, address);
  } catch {
    throw new CliFailure(`${address} is not a URL.`, { remedy: 'Write http://host:port' });
  }
  if (url.protocol !== 'http:') throw new CliFailure(`${address}: only http:// is spoken here.`, { remedy: 'Write http://host:port' });
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? 80 : url.port, method, path: url.pathname, headers: { accept: 'application/json' } };
}

async function exchange(address: string, options: RequestOptions, body: unknown): Promise<unknown> {
  const { request: httpRequest } = await import('node:http'); // a quarter of a bare start: help and file commands do without
  return new Promise((resolve, reject) => {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers = payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) };
    const request = httpRequest({ ...options, agent: false, headers: { ...recordOf(options.headers), ...headers } as Record<string, string> }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX) request.destroy(new CliFailure('the gateway\'s answer is larger than 64 MiB.'));
        else chunks.push(chunk);
      });
      response.on('end', () => settle(response.statusCode ?? 0, Buffer.concat(chunks).toString('utf8'), resolve, reject));
      response.on('error', (error) => reject(explain(error, address)));
    });
    request.setTimeout(ANSWER_TIMEOUT_MS, () => request.destroy(new CliFailure(`the gateway at ${address} did not answer in ${ANSWER_TIMEOUT_MS / 1000} s.`, { remedy: 'See .precinct/gateway.log' })));
    request.on('error', (error) => reject(explain(error, address)));
    send(request, payload);
  });
}

function send(request: ClientRequest, payload: string | undefined): void {
  if (payload === undefined) request.end();
  else request.end(payload);
}

function settle(status: number, text: string, resolve: (value: unknown) => void, reject: (error: Error) => void): void {
  let value: unknown;
  try {
    value = text === '' ? {} : parseJson(text);
  } catch {
    return reject(new CliFailure(`the gateway answered ${status} with something that is not JSON.`, { remedy: 'Is --gateway really a PRECINCT gateway?' }));
  }
  if (status >= 200 && status < 300) return resolve(value);
  reject(failureOf(status, value));
}

/** The server's `{"error":{…}}` as a failure: place first, then cause, then remedy; several faults one per line. */
function failureOf(status: number, value: unknown): CliFailure {
  const error = member(value, 'error');
  const others = listOf(error, 'others');
  const remedy = textOf(error, 'remediation');
  const code = textOf(error, 'code');
  if (code === '') return new CliFailure(`${status} was answered, and not as a gateway does.`, { remedy: 'Is --gateway really a PRECINCT gateway?' });
  if (code === 'not_found' && textOf(error, 'message') === NO_RESOURCE) return new CliFailure('the running gateway does not know this question.', { remedy: 'Check the words. If they are right it is of another version (agw version), and make up starts this one', code: 'not_found' });
  const more = { code, exitCode: status === 404 ? 1 : 2 } as const;
  if (others.length > 0) return new CliFailure([`${others.length + 1} faults:`, ...[error, ...others].map((fault) => `${placedMessage(fault)} ${textOf(fault, 'remediation')}`.trim())].join('\n'), more);
  return new CliFailure(placedMessage(error) || `the gateway answered ${status}.`, { ...more, remedy: remedy === '' ? undefined : remedy });
}

/** `file:line:column: message`, as far as it is known. */
export function placedMessage(fault: unknown): string {
  const file = textOf(fault, 'file');
  return `${file === '' ? '' : `${placeText({ file, line: numberOf(fault, 'line'), column: numberOf(fault, 'column') })}: `}${textOf(fault, 'message')}`;
}

function startRemedy(address: string): string {
  if (/^[\w.-]+:\d{1,5}(\/|$)/.test(address)) return `A URL begins with its scheme: --gateway http://${address}`;
  return /^https?:/i.test(address) ? 'Start it: make up. If it runs, the address is another one: front.port in config/gateway.yaml' : 'Start it: make up. If it runs, it has another state folder: name its socket with --gateway';
}

function explain(error: Error, address: string): Error {
  if (error instanceof CliFailure) return error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ECONNREFUSED' || code === 'ENOTSOCK') {
    return new CliFailure(`no gateway is running here (${address}).`, { remedy: startRemedy(address), code: 'gateway_not_running' });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new CliFailure(`you may not open ${address}.`, { remedy: 'Run as the user the gateway runs as.', code: 'not_permitted' });
  }
  return new CliFailure(`the gateway at ${address} hung up (${code || error.message}).`, { remedy: 'See .precinct/gateway.log' });
}
