// The model server behind the adapter: one POST, its JSON or its events, and none of its key in what comes back.
import { ApiError } from './errors.mjs';
import { parsedObject } from './json.mjs';

const LF = 0x0a;

export class ModelServer {
  #url;
  #key;
  #limits;

  /** @param {import('./config.mjs').Config} config */
  constructor({ model, limits }) {
    this.#url = model.url;
    this.#key = model.key;
    this.#limits = limits;
  }

  /** @param {'/responses' | '/chat/completions'} path @param {Record<string, unknown>} body @param {AbortSignal} signal @returns {Promise<Record<string, unknown>>} */
  async ask(path, body, signal) {
    const response = await this.#post(path, body, signal, 'application/json');
    const answer = parsedObject(await this.#whole(response));
    if (answer === undefined) throw new ApiError(502, 'model_invalid_answer', 'The model server answered with something that is no JSON object.');
    return answer;
  }

  /**
   * Its events' data, parsed; `[DONE]` is left out.
   * @param {'/responses' | '/chat/completions'} path @param {Record<string, unknown>} body @param {AbortSignal} signal @returns {AsyncGenerator<Record<string, unknown>, void, undefined>}
   */
  async *stream(path, body, signal) {
    const response = await this.#post(path, body, signal, 'text/event-stream');
    if (!/^text\/event-stream\b/i.test(response.headers.get('content-type') ?? '')) {
      await response.body?.cancel();
      throw new ApiError(502, 'model_invalid_answer', 'The model server answered with something that is no stream.');
    }
    try {
      for await (const data of eventsOf(response.body ?? [], this.#limits.answer_bytes)) {
        if (data === '[DONE]') return;
        const event = parsedObject(data);
        if (event === undefined) throw new ApiError(502, 'model_invalid_answer', 'The model server sent an event that is no JSON object.');
        yield event;
      }
    } catch (fault) {
      throw this.#explained(fault, signal);
    }
  }

  async #post(/** @type {string} */ path, /** @type {Record<string, unknown>} */ body, /** @type {AbortSignal} */ signal, /** @type {string} */ accept) {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(this.#limits.model_timeout_s * 1000)]);
    const headers = { 'content-type': 'application/json', accept, ...(this.#key === undefined ? {} : { authorization: `Bearer ${this.#key}` }) };
    let response;
    try {
      response = await fetch(`${this.#url}${path}`, { method: 'POST', headers, body: JSON.stringify(body), signal: limit, redirect: 'error' });
    } catch (fault) {
      throw this.#explained(fault, signal);
    }
    if (response.ok) return response;
    throw await this.#refusal(response);
  }

  /** Its own error, so that clients act on it as they would without the adapter; but nothing of its key, whose error is not theirs. */
  async #refusal(/** @type {Response} */ response) {
    const text = await this.#whole(response).catch(() => '');
    if (response.status === 401 || response.status === 403) return new ApiError(502, 'model_key_refused', 'The model server does not take the adapter\'s key.');
    const error = /** @type {Record<string, unknown> | undefined} */ (parsedObject(text)?.['error']);
    const word = (/** @type {string} */ name) => (typeof error?.[name] === 'string' ? this.#withoutKey(/** @type {string} */ (error[name])) : undefined);
    const type = word('type');
    const param = word('param');
    const wait = Number(response.headers.get('retry-after'));
    return new ApiError(response.status < 400 ? 502 : response.status, word('code') ?? 'model_error', word('message') ?? `The model server answered HTTP ${response.status}.`, { ...(type === undefined ? {} : { type }), ...(param === undefined ? {} : { param }), ...(wait > 0 ? { retryAfter: wait } : {}) });
  }

  async #whole(/** @type {Response} */ response) {
    const parts = [];
    let bytes = 0;
    for await (const part of response.body ?? []) {
      bytes += part.length;
      if (bytes > this.#limits.answer_bytes) throw tooLarge();
      parts.push(part);
    }
    return Buffer.concat(parts).toString('utf8');
  }

  #explained(/** @type {unknown} */ fault, /** @type {AbortSignal} */ signal) {
    if (fault instanceof ApiError || signal.aborted) return fault;
    const timedOut = fault instanceof Error && fault.name === 'TimeoutError';
    return timedOut ? new ApiError(504, 'model_timeout', 'The model server did not answer in time.') : new ApiError(502, 'model_unreachable', 'The model server cannot be reached, or hung up.');
  }

  #withoutKey(/** @type {string} */ text) {
    return this.#key === undefined || this.#key === '' ? text : text.replaceAll(this.#key, '[key]');
  }
}

function tooLarge() {
  return new ApiError(502, 'model_answer_too_large', 'The model server\'s answer is larger than limits.answer_bytes.');
}

/** The data of each event; an event may be cut anywhere between two reads. */
async function* eventsOf(/** @type {AsyncIterable<Uint8Array> | Iterable<Uint8Array>} */ chunks, /** @type {number} */ bytesMax) {
  /** @type {Uint8Array[]} */
  let line = [];
  /** @type {string[]} */
  let data = [];
  let held = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, from)) {
      const text = Buffer.concat([...line, chunk.subarray(from, end)]).toString('utf8').replace(/\r$/, '');
      [line, from] = [[], end + 1];
      if (text.startsWith('data:')) data.push(text.slice(text[5] === ' ' ? 6 : 5));
      else if (text === '' && data.length > 0) {
        yield data.join('\n');
        [data, held] = [[], 0];
      }
    }
    if (from < chunk.length) line.push(chunk.subarray(from));
    held += chunk.length;
    if (held > bytesMax + chunk.length) throw tooLarge();
  }
  if (data.length > 0) yield data.join('\n');
}
