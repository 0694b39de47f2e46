// One call of the tool that the benches' upstream serves: of a size, and of a kind of text.
import { randomBytes } from 'node:crypto';
import { CALLER, VERSION } from '../wire/servers.mjs';

/** What callers send: words, source code (every line holds escapes), an image in base64, words beyond ASCII, and many short strings. */
const TEXTS = {
  words: () => 'The quick brown fox jumps over the lazy dog. ',
  code: () => 'if (name === \\"fox\\") {\\n\\tjump(over.the(lazy), dog);\\n}\\n',
  base64: (bytes) => randomBytes(bytes).toString('base64'),
  rows: () => 'The quick brown fox","jumps over","the lazy dog","',
  beyond: () => 'Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. ',
};
export const KINDS = Object.keys(TEXTS);

/** A body of exactly so many bytes. `era`: legacy calls are those of a session, and have no _meta. */
export function callBody(bytes, kind = 'words', tool = 'echo', era = 'modern') {
  const meta = era === 'legacy' ? '' : `"_meta":{"io.modelcontextprotocol/protocolVersion":"${VERSION}","io.modelcontextprotocol/clientCapabilities":{}},`;
  const start = Buffer.from(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{${meta}"name":"${tool}","arguments":${kind === 'rows' ? '{"text":["' : '{"text":"'}`);
  const end = Buffer.from(kind === 'rows' ? '"]}}}' : '"}}}');
  const room = Math.max(0, bytes - start.length - end.length);
  const unit = Buffer.from(TEXTS[kind](room));
  const whole = Math.floor(room / unit.length) || (kind === 'base64' ? 1 : 0);
  const text = Buffer.concat(Array.from({ length: whole }, () => unit)).subarray(0, room);
  return Buffer.concat([start, text, Buffer.alloc(room - text.length, '.'), end]).toString();
}

/** The head of such a call up to its lengths. `more`: further headers; undefined takes one away. */
export function callHead(port, more = {}, tool = 'echo') {
  const headers = {
    Host: `127.0.0.1:${port}`, 'Content-Type': 'application/json', Accept: 'application/json', 'X-SPIFFE-ID': CALLER, 'MCP-Protocol-Version': VERSION, 'Mcp-Method': 'tools/call', 'Mcp-Name': tool, ...more,
  };
  return `POST /mcp HTTP/1.1\r\n${Object.entries(headers).filter(([, value]) => value !== undefined).map(([name, value]) => `${name}: ${value}\r\n`).join('')}`;
}
