// Each message has a POST of its own: a request must not overtake what the server was told before it.
import { describe, expect, it } from 'vitest';
import { SseChannel } from '../../../../src/upstream/http-sse/sse-channel.js';
import type { UpstreamRequest, UpstreamSink } from '../../../../src/upstream/types.js';

const URL_OF_STREAM = 'http://127.0.0.1:1/sse';

function openChannel() {
  const posts: { readonly text: string; readonly sink: UpstreamSink }[] = [];
  let stream: UpstreamSink | undefined;
  const channel = new SseChannel({
    client: {
      send: ({ httpMethod, body }: UpstreamRequest, sink) => {
        if (httpMethod === 'GET') stream = sink;
        else posts.push({ text: Buffer.from(body ?? []).toString(), sink });
        return { abort: () => undefined, pause: () => undefined, resume: () => undefined };
      },
      close: () => Promise.resolve(),
    },
    url: URL_OF_STREAM, eventBytesMax: 10_000, answerTimeoutMs: 1000, silentMs: 1000,
  }, { onMessage: () => true, onClosed: () => undefined });
  stream?.onHead(200, { 'content-type': 'text/event-stream' });
  stream?.onData(Buffer.from('event: endpoint\ndata: /messages\n\n'));
  const failures: string[] = [];
  const send = (text: string, told = false): void => channel.send(Buffer.from(text), ({ message }) => void failures.push(message), told);
  return { channel, send, failures, posts, sent: () => posts.map(({ text }) => text) };
}

describe('messages to a server of HTTP+SSE', () => {
  it('do not wait for one another, but a request waits until what was told before it is accepted', () => {
    const { send, posts, sent } = openChannel();
    send('one');
    send('two');
    expect(sent()).toEqual(['one', 'two']);
    send('initialized', true);
    send('three');
    send('an answer', true);
    send('four');
    expect(sent()).toEqual(['one', 'two', 'initialized', 'an answer']);
    posts[2]?.sink.onHead(202, {});
    expect(sent()).toHaveLength(4);
    posts[3]?.sink.onHead(202, {});
    posts[3]?.sink.onEnd();
    expect(sent().slice(4)).toEqual(['three', 'four']);
    send('five');
    expect(sent().at(-1)).toBe('five');
  });

  it.each([
    ['refuses it', (sink: UpstreamSink) => sink.onHead(500, {})], ['cannot be reached', (sink: UpstreamSink) => sink.onFault({ kind: 'transport', maybeSent: false, message: 'no' })],
  ])('go on where the server %s', (_how, end) => {
    const { send, posts, sent } = openChannel();
    send('initialized', true);
    send('one');
    if (posts[0] !== undefined) end(posts[0].sink);
    expect(sent()).toEqual(['initialized', 'one']);
  });

  it('are not sent once the channel is closed', () => {
    const { channel, send, posts, sent } = openChannel();
    send('initialized', true);
    send('one');
    channel.close();
    posts[0]?.sink.onHead(202, {});
    expect(sent()).toEqual(['initialized']);
  });
});
