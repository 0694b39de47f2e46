// One channel, many callers: more calls than it takes are refused, and what a closed one owes is told once.
import { describe, expect, it } from 'vitest';
import { loadJsonGuard } from '../../../../src/base/json/choose.js';
import type { Channel, ChannelEvents } from '../../../../src/upstream/duplex/channel.js';
import { Peer } from '../../../../src/upstream/duplex/peer.js';
import { WireReader } from '../../../../src/upstream/duplex/wire-message.js';
import type { UpstreamFault, UpstreamSink } from '../../../../src/upstream/types.js';
import { LIMITS } from '../stdio/stdio-fixture.js';

const reader = new WireReader(loadJsonGuard(), LIMITS);
const BODY = Buffer.from('{"jsonrpc":"2.0","id":"mine","method":"tools/call","params":{"_meta":{"progressToken":"p"},"name":"id"}}');

function open(shared = true) {
  const sent: string[] = [];
  let events: ChannelEvents | undefined;
  const peer = new Peer((given): Channel => {
    events = given;
    return { send: (message) => void sent.push(Buffer.from(message).toString('utf8')), close: () => undefined };
  }, { reader, shared, heldBytesMax: 1000, toolsChanged: () => undefined, unreadable: () => undefined, closed: () => undefined });
  const faults: UpstreamFault[] = [];
  const heard: string[] = [];
  const sink: UpstreamSink = { onHead: () => undefined, onData: (chunk) => void heard.push(Buffer.from(chunk).toString('utf8')), onEnd: () => void heard.push('end'), onFault: (fault) => void faults.push(fault) };
  return { peer, sent, faults, heard, ask: () => peer.ask(BODY, reader.read(BODY), { session: 's', headers: {} }, sink), say: (text: string) => events?.onMessage(Buffer.from(text)), end: () => events?.onClosed({ kind: 'transport', maybeSent: true, message: 'gone' }) };
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a channel', () => {
  it('carries each message as it came but for its ids', () => {
    const { sent, ask } = open();
    ask();
    expect(sent).toEqual(['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"progressToken":1},"name":"id"}}']);
  });

  it('takes ten thousand calls, and refuses the next as nobody\'s failure', async () => {
    const { sent, faults, ask } = open();
    for (let n = 0; n < 10_001; n += 1) ask();
    await turn();
    expect([sent.length, faults]).toEqual([10_000, [expect.objectContaining({ kind: 'transport', maybeSent: false, crowdedOut: true })]]);
  });

  it('that ends faults what is under way once, and takes nothing more', async () => {
    const { faults, ask, end, say, heard } = open();
    ask();
    end();
    end();
    say('{"jsonrpc":"2.0","id":1,"result":{}}');
    ask();
    await turn();
    expect([faults.map(({ maybeSent }) => maybeSent), heard]).toEqual([[true, false], []]);
  });

  it('brings notifications of a subscription to whom it belongs, under his id', () => {
    const { ask, say, heard } = open();
    ask();
    ask();
    say('{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":2}}}');
    say('{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":3}}}');
    expect(heard).toEqual(['data: {"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"mine"}}}\n\n']);
  });

  it('gives an error without an id to the one call there is, and to none of two', () => {
    const { ask, say, heard } = open();
    ask();
    say('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"what"}}');
    ask();
    ask();
    say('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"what"}}');
    expect(heard).toEqual(['{"jsonrpc":"2.0","id":"mine","error":{"code":-32700,"message":"what"}}', 'end']);
  });
});
