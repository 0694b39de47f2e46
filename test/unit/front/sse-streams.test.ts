// Whose POSTs a stream takes: the same proof from anywhere, the same declaration from the same place, and nobody else; and which thread is asked for it.
import { describe, expect, it } from 'vitest';
import type { PeerEvidence } from '../../../src/engines/identity/types.js';
import { SseStreams } from '../../../src/front/sse-streams.js';
import { lentMessage, RecordedReply } from '../../support/inbound-reply.js';

const NOBODY: PeerEvidence = { ip: '192.0.2.1', loopback: false, tls: false, certificatePem: '', handshakeBundle: '', authorization: '', declaredSpiffeId: '', declaredAgent: '', declaredEnv: '' };
const HOLDER: PeerEvidence = { ...NOBODY, tls: true, certificatePem: 'PEM' };
const BEARER: PeerEvidence = { ...NOBODY, authorization: 'Bearer a' };
const DECLARED: PeerEvidence = { ...NOBODY, declaredSpiffeId: 'spiffe://a/b' };
const NEAR: PeerEvidence = { ...DECLARED, ip: '127.0.0.1', loopback: true };
const JSON_HEADERS = { contentType: 'application/json' };

function rig(handsOver = true) {
  const taken: string[] = [];
  const told: string[] = [];
  const streams = new SseStreams({
    owner: 0x2a, newHex: (bytes) => 'ab'.repeat(bytes), handle: (inbound) => void told.push(`handled ${inbound.bodyTooLarge}`),
    refuse: (code, reason, _inbound, reply) => {
      told.push(`${code} ${reason}`);
      reply.send(404, [], '');
    },
    handOver: (owner, id) => {
      told.push(`to ${owner} ${id}`);
      return handsOver;
    },
  });
  const open = (evidence: PeerEvidence) => streams.add({ take: (body, isBinary, posted) => void taken.push(`${Buffer.from(body).toString()} ${isBinary} ${posted?.evidence.ip}`) }, evidence);
  const post = (id: string, evidence: PeerEvidence, more: Parameters<typeof lentMessage>[1] = {}): number => {
    const reply = new RecordedReply();
    streams.post(id, lentMessage('{}', { evidence, headers: JSON_HEADERS, ...more }).inbound, reply);
    return reply.status;
  };
  return { streams, taken, told, open, post };
}

describe('a stream', () => {
  it.each<[string, PeerEvidence, PeerEvidence]>([
    ['a certificate from elsewhere', HOLDER, { ...HOLDER, ip: '192.0.2.9' }], ['a token from elsewhere', BEARER, { ...BEARER, ip: '127.0.0.1', loopback: true }], ['a declaration from there', DECLARED, { ...DECLARED }], ['another address of this machine', NEAR, { ...NEAR, ip: '::1' }],
  ])('takes %s, and has it judged by where it came from', (_what, opened, posted) => {
    const { taken, open, post } = rig();
    expect([post(open(opened).id, posted), taken]).toEqual([202, [`{} false ${posted.ip}`]]);
  });
  it.each<[string, PeerEvidence, PeerEvidence]>([
    ['a declaration from elsewhere', DECLARED, { ...DECLARED, ip: '192.0.2.9' }], ['one from elsewhere for one of this machine', NEAR, DECLARED], ['one of this machine for one from elsewhere', DECLARED, NEAR], ['nobody from elsewhere', NOBODY, { ...NOBODY, ip: '192.0.2.9' }],
    ['another certificate', HOLDER, { ...HOLDER, certificatePem: 'PEN' }], ['no certificate', HOLDER, { ...HOLDER, certificatePem: '' }], ['another token', BEARER, { ...BEARER, authorization: 'Bearer b' }], ['a token over TLS for one without', BEARER, { ...BEARER, tls: true }],
    ['a token beside a certificate', HOLDER, { ...HOLDER, authorization: 'Bearer a' }], ['a declaration beside a token', BEARER, { ...BEARER, declaredSpiffeId: 'spiffe://a/b' }], ['another agent', { ...NEAR, declaredAgent: 'a' }, { ...NEAR, declaredAgent: 'b' }], ['another environment', { ...NEAR, declaredEnv: 'a' }, { ...NEAR, declaredEnv: 'b' }],
    ['what only reads alike when put together', { ...NEAR, declaredAgent: 'a', declaredEnv: 'bc' }, { ...NEAR, declaredAgent: 'ab', declaredEnv: 'c' }],
  ])('does not take %s', (_what, opened, posted) => {
    const { taken, told, open, post } = rig();
    expect([post(open(opened).id, posted), taken, told]).toEqual([404, [], ['session_not_found stream_unknown']]);
  });
  it('is gone once it is removed', () => {
    const { streams, taken, open, post } = rig();
    const { id, remove } = open(NEAR);
    expect([post(id, NEAR), streams.size]).toEqual([202, 1]);
    remove();
    expect([post(id, NEAR), streams.size, taken.length]).toEqual([404, 0, 1]);
  });
});

describe('an id', () => {
  it('names its thread, which is asked for it', () => {
    const { told, open, post } = rig();
    expect(open(NEAR).id).toBe(`2a-${'ab'.repeat(24)}`);
    post(`2b-${'ab'.repeat(24)}`, NEAR);
    expect(told).toEqual([`to 43 2b-${'ab'.repeat(24)}`]);
  });
  it('of a thread that is none is unknown', () => {
    const { told, post } = rig(false);
    expect([post(`2b-${'ab'.repeat(24)}`, NEAR), told.at(-1)]).toEqual([404, 'session_not_found stream_unknown']);
  });
  it.each(['', '2b', '2b-', '2b-ab', `2B-${'ab'.repeat(24)}`, `-${'ab'.repeat(24)}`, `123456789-${'ab'.repeat(24)}`, `2b-${'ab'.repeat(24)}\n`])('%j is nobody\'s, and no thread is asked', (id) => {
    const { told, post } = rig();
    expect([post(id, NEAR), told]).toEqual([404, ['session_not_found stream_unknown']]);
  });
});

describe('what is no message', () => {
  it('by its type is none for any stream', () => {
    const { taken, told, open, post } = rig();
    post(open(NEAR).id, NEAR, { headers: { contentType: 'text/plain' } });
    expect([taken, told]).toEqual([[], ['handled false']]);
  });
  it('because it is too large, or its client is gone, is only recorded', () => {
    const { streams, taken, told, open } = rig();
    const { id } = open(NEAR);
    const large = lentMessage('{}', { evidence: NEAR, headers: JSON_HEADERS }).inbound;
    large.dropBody(1, true);
    streams.post(id, large, new RecordedReply());
    const gone = new RecordedReply();
    gone.hangUp();
    streams.post(id, lentMessage('{}', { evidence: NEAR, headers: JSON_HEADERS }).inbound, gone);
    expect([taken, told]).toEqual([[], ['handled true', 'handled false']]);
  });
});
