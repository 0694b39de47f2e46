// What of an answer is sent on a channel: a message of JSON-RPC and nothing else; status and headers stay behind.

const TO_NOBODY = '{"jsonrpc":"2.0","id":null,';
/** What could not be read has no id to answer under, and is told so all the same (JSON-RPC 2.0, section 5). */
const UNREAD = /^"error":\{"code":(?:-32700|-32600),/;

/**
 * Undefined = nothing is sent: the answer to a notification, or a refusal of one. `idText` is the id of a request that was refused before any
 * layer had read it.
 */
export function messageOf(body: Uint8Array | string, idText: string | undefined): Uint8Array | string | undefined {
  if (body.length === 0) return undefined;
  // Refusals are texts. What tool servers answer is bytes, and was matched with its request.
  if (typeof body !== 'string' || !body.startsWith(TO_NOBODY)) return body;
  const rest = body.slice(TO_NOBODY.length);
  if (idText !== undefined) return `{"jsonrpc":"2.0","id":${idText},${rest}`;
  return UNREAD.test(rest) ? body : undefined;
}
