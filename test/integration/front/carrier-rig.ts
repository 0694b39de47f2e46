// A front that is answered by id, as the chain would, for the tests of messages over WebSocket and HTTP+SSE in this folder.
import { afterEach } from 'vitest';
import type { Reply } from '../../../src/front/types.js';
import { startRig, STATUSES, type Answer, type Rig, type RigConfig, type Seen } from './wire.js';

const rigs: Rig[] = [];
afterEach(async () => {
  for (const { front } of rigs.splice(0)) await front.drain(0);
});

/** Answers by the message's id, as a chain would. */
export const answering: Answer = (inbound, reply) => {
  if (inbound.httpMethod !== 'POST') return;
  if (inbound.bodyTooLarge) return reply.send(413, [], '{"jsonrpc":"2.0","id":null,"error":{"code":413,"message":"x"}}', true);
  if (inbound.headers.contentType !== 'application/json') return reply.send(400, [], '{"jsonrpc":"2.0","id":null,"error":{"code":400,"message":"x"}}');
  const { id } = JSON.parse(Buffer.from(inbound.body).toString('utf8')) as { id?: number };
  reply.send(id === undefined ? 202 : 200, [], id === undefined ? '' : resultOf(id));
};

/** As the chain writes a refusal of what it has not read. */
const refusing = (reply: Reply, code: keyof typeof STATUSES): void => reply.send(STATUSES[code], [], `{"jsonrpc":"2.0","id":null,"error":{"code":503,"message":"${code}"}}`);

export async function start(config: RigConfig = {}): Promise<Rig> {
  const rig = await startRig({ answer: answering, refuse: refusing, ...config });
  rigs.push(rig);
  return rig;
}

export const ask = (id: number, method = 'ping', more = ''): string => `{"jsonrpc":"2.0","id":${id},"method":"${method}"${more}}`;
export const resultOf = (id: number): string => `{"jsonrpc":"2.0","id":${id},"result":{}}`;
export const messagesOf = (rig: Rig): Seen[] => rig.seen.filter(({ inbound }) => inbound.httpMethod === 'POST');

/** Replies that are held until the test says what becomes of them. */
export const held = (): { readonly replies: Reply[]; readonly answer: Answer } => {
  const replies: Reply[] = [];
  return { replies, answer: (_inbound, reply) => void replies.push(reply) };
};
