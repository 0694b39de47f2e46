// Requests over a fetch of the caller's own.
import { faultCode, type HttpAnswer, type HttpRequest, type Transport } from './transport.js';

/** The connection was never made: nothing was sent. */
const NEVER_CONNECTED = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|CERT_|ERR_TLS_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;

export class FetchTransport implements Transport {
  readonly #fetch: typeof fetch;

  constructor(own: typeof fetch) {
    this.#fetch = own;
  }

  async send({ method, url, headers, body, signal, mayRun }: HttpRequest): Promise<HttpAnswer> {
    let response: Response;
    mayRun(true); // fetch does not tell when a request has left
    try {
      response = await this.#fetch(url.href, { method, headers: { ...headers }, signal, redirect: 'manual', ...(body === undefined ? {} : { body }) });
    } catch (error) {
      if (NEVER_CONNECTED.test(faultCode(error) ?? '')) mayRun(false);
      throw error;
    }
    return { status: response.status, header: (name) => response.headers.get(name) ?? undefined, body: chunksOf(response), close: () => void response.body?.cancel().catch(() => undefined) };
  }

  close(): void {
    // The caller's own; he ends it.
  }
}

async function* chunksOf(response: Response): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  let whole = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      whole = done;
      if (done) return;
      yield value as Uint8Array;
    }
  } finally {
    if (!whole) await reader.cancel().catch(() => undefined);
  }
}
