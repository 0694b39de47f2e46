// Two readers, two messages: whatever is ambiguous about where a request ends must not hide a second request from the layers.
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CALLER, permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { startToolServer, type ToolServer } from '../support/tool-server.js';
import { call, registration, toolText } from '../wire/calls.js';

const INNER = call('hidden', { marker: 'smuggled' });
const HIDDEN = `POST / HTTP/1.1\r\nHost: localhost\r\nX-SPIFFE-ID: ${CALLER}\r\nContent-Type: application/json\r\nContent-Length: ${INNER.length}\r\n\r\n${INNER}`;
const OUTER = call('echo', { text: 'x' });

let server: ToolServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startToolServer({ tools: ['echo', 'hidden'].map(toolText) });
  gateway = await startGateway({ policies: { 'all.rego': permitAll() }, tools: ['echo', 'hidden'].map((name) => registration(name, server.url)), config: { front: { body_timeout_s: 1 }, audit: { unidentified_per_second: 10_000 } } });
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

function raw(bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let got = '';
    const socket = connect(gateway.port, '127.0.0.1', () => socket.write(Buffer.from(bytes, 'latin1')));
    socket.setTimeout(2500, () => socket.destroy());
    socket.on('data', (part: Buffer) => { got += part.toString('latin1'); });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(got));
  });
}

function post(lines: readonly string[], body: string, version = '1.1'): string {
  return `POST / HTTP/${version}\r\n${['Host: localhost', 'Content-Type: application/json', `X-SPIFFE-ID: ${CALLER}`, ...lines].join('\r\n')}\r\n\r\n${body}`;
}

const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
const LENGTH = `Content-Length: ${OUTER.length}`;
const answersOf = (text: string): number => text.split('HTTP/1.1 ').length - 1;

describe('a second request within the first', () => {
  it.each([
    ['both framings', post([LENGTH, 'Transfer-Encoding: chunked'], `0\r\n\r\n${HIDDEN}`)], ['chunked twice', post(['Transfer-Encoding: chunked, chunked'], `0\r\n\r\n${HIDDEN}`)], ['identity, chunked', post(['Transfer-Encoding: identity', LENGTH], OUTER + HIDDEN)],
    ['an unknown coding', post(['Transfer-Encoding: xchunked', LENGTH], OUTER + HIDDEN)], ['chunked behind a tab', post(['Transfer-Encoding:\tchunked', LENGTH], `0\r\n\r\n${HIDDEN}`)], ['chunked in capitals and a length', post(['TRANSFER-ENCODING: CHUNKED', LENGTH], `0\r\n\r\n${HIDDEN}`)],
    ['two lengths', post([LENGTH, 'Content-Length: 0'], OUTER + HIDDEN)], ['the same length twice', post([LENGTH, LENGTH], OUTER + HIDDEN)], ['a list of lengths', post([`${LENGTH}, ${OUTER.length}`], OUTER + HIDDEN)], ['a signed length', post([`Content-Length: +${OUTER.length}`], OUTER + HIDDEN)],
    ['a negative length', post(['Content-Length: -1'], OUTER + HIDDEN)], ['a length in hex', post([`Content-Length: 0x${OUTER.length.toString(16)}`], OUTER + HIDDEN)], ['a length with a blank', post([`Content-Length: ${OUTER.length} 0`], OUTER + HIDDEN)], ['a huge length', post(['Content-Length: 18446744073709551617'], OUTER + HIDDEN)],
    ['a blank before the colon', post([`Content-Length : ${OUTER.length}`], OUTER + HIDDEN)], ['a folded header', post(['X-A: b', ` ${LENGTH}`], OUTER + HIDDEN)], ['a bare line feed in a header', post(['X-A: b\nTransfer-Encoding: chunked'], `0\r\n\r\n${HIDDEN}`)], ['a bare carriage return', post([`X-A: b\r${LENGTH}`], OUTER + HIDDEN)],
    ['a chunk size of too many digits', post(['Transfer-Encoding: chunked'], `ffffffffffffffff0\r\n${OUTER}\r\n0\r\n\r\n${HIDDEN}`)], ['a signed chunk size', post(['Transfer-Encoding: chunked'], `+${chunk(OUTER)}0\r\n\r\n${HIDDEN}`)], ['a chunk size in 0x', post(['Transfer-Encoding: chunked'], `0x${chunk(OUTER)}0\r\n\r\n${HIDDEN}`)],
    ['a chunk longer than its size', post(['Transfer-Encoding: chunked'], `2\r\n${OUTER}\r\n0\r\n\r\n${HIDDEN}`)], ['HTTP/1.0 and chunked', post(['Transfer-Encoding: chunked'], `0\r\n\r\n${HIDDEN}`, '1.0')], ['a NUL in a header', post([`X-A: \0`, LENGTH], OUTER + HIDDEN)],
    ['a GET with a body', `GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`], ['an Upgrade', post(['Connection: Upgrade', 'Upgrade: h2c', LENGTH], OUTER + HIDDEN)],
  ])('by %s: reaches no tool unseen', async (_how, bytes) => {
    const [seenBefore, recordsBefore] = [server.seen.length, gateway.lines('request').length];
    const answers = answersOf(await raw(bytes));
    const hidden = server.seen.slice(seenBefore).filter((seen) => seen.body.includes('smuggled')).length;
    const records = gateway.lines('request').slice(recordsBefore);
    expect(answers).toBeLessThanOrEqual(2);
    // A request that follows the first one properly is an ordinary request: then it was answered and has its own record.
    expect(records.filter((line) => line['tool'] === 'hidden').length).toBe(hidden);
    if (hidden > 0) expect({ answers, echoed: records.filter((line) => line['tool'] === 'echo').length }).toEqual({ answers: 2, echoed: 1 });
  });

  it('that is properly the next one on the connection is served like any other', async () => {
    const one = `${post([LENGTH], OUTER)}`;
    const first = await raw(one.replace('X-SPIFFE-ID', 'Connection: close\r\nX-SPIFFE-ID'));
    expect(first).toMatch(/^HTTP\/1\.1 200/);
  });
});
