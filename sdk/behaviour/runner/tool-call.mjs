// One call as a tool of the table sees it, and what it can answer with: a result, an error, a stream with notifications and questions, or no MCP at all.
import { randomUUID } from 'node:crypto';

export const SSE = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' };

export class ToolCall {
  #response;
  #out;
  #listened;
  #id;
  #streams = false;
  /** @type {Map<string, (answer: any) => void>} */
  #open;

  /** @param {{ message: any, headers: import('node:http').IncomingHttpHeaders, response: import('node:http').ServerResponse, open: Map<string, (answer: any) => void>, listened: Promise<import('node:http').ServerResponse> | undefined }} parts */
  constructor({ message, headers, response, open, listened }) {
    this.#response = response;
    this.#out = response;
    this.#listened = listened;
    this.#id = message.id;
    this.#open = open;
    this.headers = headers;
    this.params = message.params ?? {};
    this.args = this.params.arguments ?? {};
    this.meta = this.params._meta ?? {};
  }

  stream() {
    this.#streams = true;
    this.#response.writeHead(200, SSE).flushHeaders();
  }

  /** From here on it says and asks beside the call, where its session listens. */
  async beside() {
    this.#out = await this.#listened;
  }

  /** @param {string} method @param {unknown} params */
  notify(method, params) {
    this.#out.write(`event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', method, params })}\n\n`);
  }

  /** Resolves with the client's answer. @param {string} method @param {unknown} params @returns {Promise<any>} */
  ask(method, params) {
    const id = randomUUID(); // calls of many sessions have the same ids
    this.#out.write(`event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n\n`);
    return new Promise((resolve) => this.#open.set(id, resolve));
  }

  /** @param {object} result */
  result(result) {
    this.#end({ jsonrpc: '2.0', id: this.#id, result });
  }

  error(code, message, data) {
    this.#end({ jsonrpc: '2.0', id: this.#id, error: { code, message, data } });
  }

  http(status, type, body) {
    this.#response.writeHead(status, { 'content-type': type }).end(body);
  }

  /** The connection ends before there is an answer. */
  cut() {
    this.#response.socket?.destroy();
  }

  #end(message) {
    const text = JSON.stringify(message);
    if (this.#streams) this.#response.end(`event: message\ndata: ${text}\n\n`);
    else this.#response.writeHead(200, { 'content-type': 'application/json' }).end(text);
  }
}
