// One more refusal of a crowd: a count in a line that is shared already, and the answer that names it.
import { describe, expect, it } from 'vitest';
import { createCrowd } from '../../../src/chain/crowd.js';
import { ChainStats } from '../../../src/chain/stats.js';
import { createSharedLines } from '../../../src/chain/unidentified.js';
import { deny } from '../../../src/chain/verdict.js';
import { lentMessage, MCP_ACCEPT, RecordedReply } from '../../support/inbound-reply.js';
import { WithheldAppender } from '../../support/withheld-appender.js';

const LATE = deny('gateway_overloaded', { reasonCode: 'event_loop_late', retryAfterSeconds: 1 });

function setUp() {
  const appender = new WithheldAppender();
  const sharedLines = createSharedLines(appender, () => 1, () => undefined);
  const stats = new ChainStats();
  const crowd = createCrowd({ sharedLines, stats, resourceMetadataUrl: '' });
  const first = { decisionId: 'd-first', traceId: 't-first', text: (repeated: number) => `{"type":"shared","repeated":${repeated}` };
  const share = (): void => sharedLines.append('127.0.0.1', 'gateway_overloaded event_loop_late', 0, () => '{"type":"alone"', first, () => undefined);
  const refuse = (accept = '', refusal = LATE) => {
    const reply = new RecordedReply();
    return { reply, taken: crowd.refuse(refusal, lentMessage('{}', { headers: { accept } }).inbound, reply, 1, '') };
  };
  return { appender, sharedLines, stats, share, refuse };
}

describe('a crowd', () => {
  it('is none while no line of the same reason is shared', () => {
    const { share, refuse } = setUp();
    expect(refuse().taken).toBe(false);
    share();
    expect(refuse().taken).toBe(false);
    share();
    expect([refuse().taken, refuse('', deny('gateway_overloaded', { reasonCode: 'requests_per_ip' })).taken]).toEqual([true, false]);
  });

  it('is counted whole, and answered with the line\'s decision once that is durable, each in its shape', () => {
    const { appender, sharedLines, stats, share, refuse } = setUp();
    share();
    share();
    const [plain, mcp] = [refuse(), refuse(MCP_ACCEPT)];
    sharedLines.flush();
    expect([plain.reply.state, appender.lines.at(-1)]).toEqual(['open', { type: 'shared', repeated: 3 }]);
    appender.settle();
    appender.settle();
    expect([plain.reply.status, plain.reply.headers['retry-after'], plain.reply.json]).toMatchObject([503, '1', { code: 'gateway_overloaded', reason_code: 'event_loop_late', decision_id: 'd-first', trace_id: 't-first' }]);
    expect([mcp.reply.status, mcp.reply.json]).toMatchObject([503, { error: { data: { code: 'gateway_overloaded', decision_id: 'd-first' } } }]);
    expect(mcp.reply.json).not.toHaveProperty('code');
    expect(stats.report()).toMatchObject({ allowed: 0, denied: 2, byCode: { gateway_overloaded: 2 } });
  });

  it('is told so when its line could not be written', () => {
    const { appender, sharedLines, share, refuse } = setUp();
    share();
    share();
    const { reply } = refuse();
    sharedLines.flush();
    appender.settle();
    appender.settle(new Error('disk full'));
    expect([reply.status, reply.code]).toEqual([503, 'audit_unavailable_fail_closed']);
  });
});
