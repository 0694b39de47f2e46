// Which answers say that a session is lost, and which failed handshakes are the server's fault.
import { describe, expect, it } from 'vitest';
import { deny } from '../../../src/chain/verdict.js';
import { blameOf, saysSessionLost } from '../../../src/terminals/answers.js';

const lost = (text: string) => saysSessionLost(Buffer.from(text));

describe('a 400', () => {
  it('says that the session is lost by the transport\'s error code alone', () => {
    expect(lost('{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: No valid session ID provided"},"id":null}')).toBe(true);
    expect(lost('{"error": {"message":"x", "code" : -32000}}')).toBe(true);
    for (const text of ['', 'Bad Request', '{"error":{"code":-32602}}', '{"error":{"code":-320001}}', '{"error":{"code":32000}}']) expect(lost(text)).toBe(false);
  });

  it('of a size that no transport\'s refusal has is an answer', () => {
    expect(lost(`{"error":{"code":-32000,"message":"${'x'.repeat(10_000)}"}}`)).toBe(false);
  });
});

describe('a handshake that failed', () => {
  it.each([
    ['mcp_timeout', {}], ['mcp_transport_failed', {}], ['mcp_request_failed', { details: { upstream_status: 503 } }],
  ] as const)('with %s blames the server, whoever asked', (code, more) => {
    expect([blameOf(deny(code, more), true), blameOf(deny(code, more), false)]).toEqual(['failure', 'failure']);
  });

  it.each([
    ['mcp_request_failed', { details: { upstream_status: 400 } }], ['mcp_invalid_response', { reasonCode: 'initialize_answer' }],
  ] as const)('with %s blames the server only when the gateway\'s own words were refused', (code, more) => {
    expect([blameOf(deny(code, more), true), blameOf(deny(code, more), false)]).toEqual(['failure', 'neutral']);
  });
});
