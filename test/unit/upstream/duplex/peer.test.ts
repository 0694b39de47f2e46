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
  const told = { toolsChanged: 0 };
  const strays: string[] = [];
  let events: ChannelEvents | undefined;
  const peer = new Peer((given): Channel => {
    events = given;
    return { send: (message) => void sent.push(Buffer.from(message).toString('utf8')), close: () => undefined };
  }, { reader, shared, heldBytesMax: 1000, toolsChanged: () => { told.toolsChanged += 1; }, unreadable: () => undefined, stray: (idText) => void strays.push(idText), closed: () => undefined });
  const faults: UpstreamFault[] = [];
  const heard: string[] = [];
  const sink: UpstreamSink = { onHead: () => undefined, onData: (chunk) => void heard.push(Buffer.from(chunk).toString('utf8')), onEnd: () => void heard.push('end'), onFault: (fault) => void faults.push(fault) };
  return { peer, sent, told, strays, faults, heard, ask: () => peer.ask(BODY, reader.read(BODY), { session: 's', headers: {} }, sink), say: (text: string) => events?.onMessage(Buffer.from(text)), end: () => events?.onClosed({ kind: 'transport', maybeSent: true, message: 'gone' }) };
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

  it('tells of answers to ids that were never given, and cuts them', () => {
    const { strays, ask, say } = open();
    ask();
    for (const id of ['7', '"mine"', '0', '1.5', 'null', JSON.stringify('x'.repeat(1000))]) say(`{"jsonrpc":"2.0","id":${id},"result":{}}`);
    say('{"jsonrpc":"2.0","id":1,"result":{}}');
    say('{"jsonrpc":"2.0","id":1,"result":{}}'); // of a call that has ended: as of one that was given up
    expect(strays).toEqual(['7', '"mine"', '0', '1.5', 'null', `"${'x'.repeat(63)}`]);
  });

  it('that ends faults what is under way once, and takes nothing more', async () => {
    const { faults, ask, end, say, heard, told } = open();
    ask();
    end();
    end();
    say('{"jsonrpc":"2.0","id":1,"result":{}}');
    say('{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}');
    ask();
    await turn();
    expect([faults.map(({ maybeSent }) => maybeSent), heard, told.toolsChanged]).toEqual([[true, false], [], 0]);
  });

  it('brings notifications of a subscription to whom it belongs, under his id', () => {
    const { ask, say, heard } = open();
    ask();
    ask();
    say('{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":2}}}');
    say('{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":3}}}');
    expect(heard).toEqual(['data: {"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"mine"}}}\n\n']);
  });

  it('gives an answer under an id that nobody asked under to nobody, not even to the one call there is', () => {
    const { ask, say, heard } = open();
    ask();
    for (const id of ['9', '"mine"', 'null']) say(`{"jsonrpc":"2.0","id":${id},"result":{}}`);
    say('{"jsonrpc":"2.0","id":9,"error":{"code":1,"message":"what"}}');
    expect(heard).toEqual([]);
    say('{"jsonrpc":"2.0","id":1,"result":{}}');
    expect(heard).toEqual(['{"jsonrpc":"2.0","id":"mine","result":{}}', 'end']);
  });

  it('is told of each call that its client cancels, of two under one id one after the other', () => {
    const { peer, sent, ask } = open();
    const cancel = Buffer.from('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"min\\u0065"}}');
    ask();
    ask();
    for (const session of ['s', 'another', 's', 's']) peer.cancel(session, cancel, reader.read(cancel));
    expect(sent.slice(2)).toEqual([1, 2].map((id) => `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}}}`));
  });

  it('brings a message in one event, although its parts stand on lines of an old Mac', () => {
    const { ask, say, heard } = open();
    ask();
    say('{"jsonrpc":"2.0",\r"method":"notifications/progress",\r"params":{"progressToken":1,"progress":1}}');
    expect(heard).toEqual(['data: {"jsonrpc":"2.0", "method":"notifications/progress", "params":{"progressToken":"p","progress":1}}\n\n']);
  });

  it('keeps as much for a caller that reads slowly each time anew', () => {
    const { ask, say, heard, faults } = open();
    const call = ask();
    const half = `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"message":"${'x'.repeat(500)}"}}`;
    for (const times of [1, 2, 3]) {
      call.pause();
      say(half);
      call.resume();
      expect(heard).toHaveLength(times);
    }
    call.pause();
    say(half);
    expect(faults).toEqual([]);
    say(half);
    expect(faults).toMatchObject([{ kind: 'protocol' }]);
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
