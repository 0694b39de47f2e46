// Lists the tools once on the bridge's own account: a call was refused because a marked argument has no header, and no list has passed that names the mark.
import { withMembers } from '../../base/json/edits.js';
import { memberAt, textAt } from '../../base/json/members.js';
import { encodeMirroredHeader } from '../../mcp/header-mirror.js';
import { ACCEPT_BOTH } from '../../mcp/media-types.js';
import type { ClientMessage } from './client-message.js';
import type { GatewayLink } from './gateway-link.js';
import { nextCursorOf } from './param-marks.js';

const PAGES_MAX = 50; // a list that never ends must end somewhere
const PAGE_TIMEOUT_MS = 15_000;
const METHOD = 'tools/list';
const PROGRESS: ReadonlySet<string> = new Set(['progressToken']);

/** As the client that made `call`, with its own `_meta`. */
export async function listTools(link: Pick<GatewayLink, 'exchange'>, call: ClientMessage, signal: AbortSignal, onPage: (answer: Buffer) => void): Promise<void> {
  const meta = memberAt(call.bytes, ['params', '_meta']);
  const metaText = meta === undefined ? '{}' : textAt(call.bytes, meta);
  const own = Buffer.from(withMembers(Buffer.from(metaText), { from: 0, to: Buffer.byteLength(metaText) }, PROGRESS, [])).toString('utf8');
  const headers = { accept: ACCEPT_BOTH, 'mcp-protocol-version': encodeMirroredHeader(call.version), 'mcp-method': METHOD };
  let cursor = '';
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const asked = `{"jsonrpc":"2.0","id":"agw-bridge-${page}","method":"${METHOD}","params":{${cursor === '' ? '' : `"cursor":${JSON.stringify(cursor)},`}"_meta":${own}}}`;
    let answer: Buffer | undefined;
    const whole = await link.exchange({ method: 'POST', headers, body: Buffer.from(asked), signal, timeoutMs: PAGE_TIMEOUT_MS, onMessage: (bytes) => { answer = bytes; } });
    answer = whole.body ?? answer;
    if (answer === undefined) return;
    onPage(answer);
    cursor = nextCursorOf(answer);
    if (cursor === '') return;
  }
}
