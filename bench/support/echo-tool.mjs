// The one tool of the benches, under whatever name: as a tool server lists it, as the registry has it, and the answers of servers that serve it over node:http.
const DESCRIPTION = 'Return the given text';
const SCHEMA = '{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}';

/** An MCP session's first message, and its version: of the time before 2026-07-28. */
export const SESSION_VERSION = '2025-11-25';
export const INITIALIZE = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"${SESSION_VERSION}","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}`;

export function toolText(name = 'echo') {
  return `{"name":"${name}","description":"${DESCRIPTION}","inputSchema":${SCHEMA}}`;
}

/** Its entry in the registry: served on that port of loopback. */
export async function registered(port, name = 'echo') {
  const { seedHash } = await import('../../dist/engines/registry/hashes.js');
  const hash = seedHash({ name: JSON.stringify(name), description: JSON.stringify(DESCRIPTION), inputSchema: SCHEMA });
  return { name, description: DESCRIPTION, upstream: `http://127.0.0.1:${port}/mcp`, hash, risk_level: 'low', input_schema: JSON.parse(SCHEMA) };
}

/** What a server with a handshake says of itself. `more`: capabilities beside its tools, as JSON members. */
export function initializeResult(more = '') {
  return `{"protocolVersion":"${SESSION_VERSION}","capabilities":{"tools":{}${more}},"serverInfo":{"name":"bench","version":"1"}}`;
}

/** Answers a POST when it is whole. `results`: JSON text by method; what is not among them is refused. `headersOf(method)`: further headers of its answer. */
export function answerPost(request, response, results, headersOf = () => ({})) {
  let text = '';
  request.setEncoding('latin1').on('data', (part) => { text += part; }).on('end', () => {
    const { id, method } = text === '' ? {} : JSON.parse(text);
    if (id === undefined) return void response.writeHead(202).end();
    const result = results[method];
    const outcome = result === undefined ? '"error":{"code":-32601,"message":"no such method"}' : `"result":${result}`;
    response.writeHead(200, { 'content-type': 'application/json', ...headersOf(method) }).end(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},${outcome}}`);
  });
}
