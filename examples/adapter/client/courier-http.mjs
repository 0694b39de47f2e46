// A client of Courier 1 over HTTP, as an agent has had it all along. It knows nothing of MCP, of the gateway or of the adapter.

/** What a server of Courier answers when it says no. */
export class CourierError extends Error {
  /** @param {{ type: string, code: string, message: string, [fact: string]: unknown }} body */
  constructor(body) {
    super(body.message);
    this.body = body;
  }
}

export class CourierHttp {
  #url;
  #key;

  /** @param {{ url: string, key: string }} server `url`: http(s)://host:port */
  constructor({ url, key }) {
    this.#url = url;
    this.#key = key;
  }

  /** One page: { data, page: { next } }. */
  list({ limit, cursor } = {}) {
    const url = new URL('/v1/actions', this.#url);
    if (limit !== undefined) url.searchParams.set('limit', limit);
    if (cursor !== undefined && cursor !== null) url.searchParams.set('cursor', cursor);
    return this.#ask('GET', url.href);
  }

  /** The action's document: `status` is succeeded, failed, or pending where a person is asked. */
  invoke(action, input, on = {}) {
    return this.#ask('POST', '/v1/actions', { action, input }, on);
  }

  /** The same, with what happens on the way. */
  async invokeWithEvents(action, input, { onEvent, ...on }) {
    const response = await this.#fetch('POST', '/v1/actions', { action, input }, on, 'application/x-ndjson');
    if (!response.ok) throw new CourierError((await response.json()).error);
    for await (const line of linesOf(response.body)) {
      const event = JSON.parse(line);
      if (event.event !== 'done') await onEvent(event);
      else if (event.error === undefined) return event;
      else throw new CourierError(event.error);
    }
    throw new Error('the connection was lost');
  }

  look(id) {
    return this.#ask('GET', `/v1/actions/${id}`);
  }

  cancel(id) {
    return this.#ask('DELETE', `/v1/actions/${id}`);
  }

  async #ask(method, path, body, on = {}) {
    const response = await this.#fetch(method, path, body, on, 'application/json');
    const answer = await response.json();
    if (response.ok) return answer;
    throw new CourierError(answer.error);
  }

  #fetch(method, path, body, { signal, traceparent }, accept) {
    const headers = { 'courier-key': this.#key, accept, ...(traceparent === undefined ? {} : { traceparent }), ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
    return fetch(new URL(path, this.#url), { method, headers, signal: signal ?? null, redirect: 'error', ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  }
}

async function* linesOf(body) {
  const decoder = new TextDecoder();
  let text = '';
  for await (const part of body) {
    text += decoder.decode(part, { stream: true });
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      yield text.slice(0, end);
      text = text.slice(end + 1);
    }
  }
}
