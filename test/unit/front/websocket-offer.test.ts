// Which upgrades are one this gateway speaks (RFC 6455, section 4.2.1), and what the others are told.
import { describe, expect, it } from 'vitest';
import { asksForWebSocket, judgeOffer, readOffer } from '../../../src/front/websocket-offer.js';

const GOOD = { connection: 'Upgrade', key: 'dGhlIHNhbXBsZSBub25jZQ==', version: '13', protocols: 'mcp' };

describe('an Upgrade header', () => {
  it.each(['websocket', 'WebSocket', 'h2c, websocket', 'websocket , x'])('%j asks for one', (value) => expect(asksForWebSocket(value)).toBe(true));
  it.each(['', 'h2c', 'websocket2', 'websocket/13', 'xwebsocket'])('%j does not', (value) => expect(asksForWebSocket(value)).toBe(false));
});

describe('an offer', () => {
  it.each([{}, { connection: 'keep-alive, Upgrade' }, { connection: 'upgrade' }, { protocols: 'graphql-ws, mcp' }, { protocols: 'mcp,mcp.auth.x' }])('is taken with %j', (change) => {
    expect(judgeOffer({ ...GOOD, ...change })).toBeUndefined();
  });
  it.each([
    { connection: '' }, { connection: 'keep-alive' }, { key: '' }, { key: 'short' }, { key: 'dGhlIHNhbXBsZSBub25jZQ' }, { key: 'dGhlIHNhbXBsZSBub25jZR==' }, { key: `${GOOD.key}, ${GOOD.key}` }, { key: 'dGhlIHNhbXBsZSBub25jZS8v' },
    { protocols: '' }, { protocols: 'MCP' }, { protocols: 'mcp.auth.secret' }, { protocols: 'xmcp' }, { protocols: 'graphql-ws' }, { protocols: 'm,c,p' },
  ])('is refused with %j', (change) => {
    expect(judgeOffer({ ...GOOD, ...change })?.status).toBe(400);
  });
  it.each(['', '8', '14', '13, 8'])('of version %j is told the right one', (version) => {
    expect(judgeOffer({ ...GOOD, version })).toMatchObject({ status: 426, headers: [['sec-websocket-version', '13']] });
  });
  it('is read from every line of its headers', () => {
    const lines = [['sec-websocket-protocol', 'a'], ['connection', 'keep-alive'], ['sec-websocket-protocol', 'mcp'], ['connection', 'upgrade'], ['sec-websocket-key', 'k'], ['sec-websocket-version', '13'], ['host', 'h']] as const;
    expect(readOffer({ forEach: (each) => lines.forEach(([name, value]) => each(name, value)) })).toEqual({ connection: 'keep-alive, upgrade', key: 'k', version: '13', protocols: 'a, mcp' });
  });
});
