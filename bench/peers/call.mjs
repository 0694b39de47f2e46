// What every target of the peers bench is sent: one tools/call of a given size, with or without a session, and the handshake that gives one.
import { CALL_ID } from '../support/open-load.mjs';
import { VERSION } from '../wire/servers.mjs';

/** In every right answer: the tool server's text. */
export const EXPECTED = 'lorem ipsum';
/** With a key in the arguments the tool server says so: KEY_SIGN stands before it, AKIA begins it. */
export const KEY_ARRIVED = 'the key arrived';
export const KEY_SIGN = 'aws_access_key_id = ';
const SENTENCE = 'The quick brown fox jumps over the lazy dog. ';
const META = { 'io.modelcontextprotocol/protocolVersion': VERSION, 'io.modelcontextprotocol/clientCapabilities': {} };

/** One call with a text; `target.params` puts it where the target wants it. */
function callOf(target, id, text) {
  const params = target.params?.(text) ?? { name: target.tool ?? 'echo', arguments: { text } };
  return JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: target.version === undefined ? { _meta: META, ...params } : params });
}

/** The body of one call, `bytes` long, its id the number CALL_ID. */
export function callBody(target, bytes) {
  const room = bytes - callOf(target, Number(CALL_ID), '').length;
  return callOf(target, Number(CALL_ID), SENTENCE.repeat(Math.ceil(room / SENTENCE.length)).slice(0, room));
}

const ownHeaders = (target) => ({ 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', ...target.headers });

/** The headers of one call; `session` is what the handshake gave. */
export function callHeaders(target, session) {
  const own = { ...ownHeaders(target), 'MCP-Protocol-Version': target.version ?? VERSION };
  if (target.version === undefined) Object.assign(own, { 'Mcp-Method': 'tools/call', 'Mcp-Name': 'echo' });
  return session === undefined ? own : { ...own, 'Mcp-Session-Id': session };
}

/** One session of a target that has them (`target.version` names a revision with a handshake); undefined where it gives none. */
export async function openSession(target) {
  const params = { protocolVersion: target.version, capabilities: {}, clientInfo: { name: 'bench', version: '1' } };
  const answer = await post(target, ownHeaders(target), JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }));
  if (answer.status !== 200 || !answer.text.includes('"protocolVersion"')) throw new Error(`initialize: ${answer.status} ${answer.text.slice(0, 300)}`);
  const session = answer.headers.get('mcp-session-id') ?? undefined;
  const ready = await post(target, callHeaders(target, session), JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }));
  if (ready.status >= 300) throw new Error(`notifications/initialized: ${ready.status} ${ready.text.slice(0, 300)}`);
  return session;
}

/** One call, read whole: throws unless the answer is the tool server's. Returns its size in bytes. */
export async function probe(target, session, bytes) {
  const { status, text } = await post(target, callHeaders(target, session), callBody(target, bytes));
  if (status !== 200 || !text.includes(EXPECTED) || text.includes('"isError":true')) throw new Error(`tools/call: ${status} ${text.slice(0, 400)}`);
  return text.length;
}

/** True where the tool server does not get a key that is in the arguments: refused or taken out. The key is put together here, so that no file holds one. */
export async function stopsKey(target, session) {
  const key = ['AKIA', 'Q3EGRI7ZXN5VKDPW'].join('');
  const { text } = await post(target, callHeaders(target, session), callOf(target, 2, `${KEY_SIGN}${key}`));
  return !text.includes(KEY_ARRIVED);
}

async function post(target, headers, body) {
  const answer = await fetch(`http://127.0.0.1:${target.port}${target.path}`, { method: 'POST', headers, body, signal: AbortSignal.timeout(30_000) });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}
