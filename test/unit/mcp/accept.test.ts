// Who counts as an MCP client, by its Accept header.
import { describe, expect, it } from 'vitest';
import { isMcpClient, wantsJson } from '../../../src/mcp/accept.js';

describe('Accept', () => {
  it.each(['application/json, text/event-stream', 'text/event-stream', 'TEXT/Event-Stream;q=0.5', 'application/json,text/event-stream ; charset=utf-8'])('takes %s for an MCP client', (accept) => {
    expect(isMcpClient(accept)).toBe(true);
  });
  it.each(['', '*/*', 'text/*', 'application/json', 'text/event-streams', 'application/json; x=text/event-stream', 'text/event-stream;q=0', 'text/event-stream; q=0.000'])('takes %s for another caller', (accept) => {
    expect(isMcpClient(accept)).toBe(false);
  });
  it.each([['', true], ['*/*', true], ['application/*', true], ['application/json;q=0.1', true], ['text/event-stream', false], ['application/json;q=0', false]])('reads %j: JSON %s', (accept, expected) => {
    expect(wantsJson(accept)).toBe(expected);
  });
});
