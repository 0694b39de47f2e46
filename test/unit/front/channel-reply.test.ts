// The way back of one message: whole answers, events as frames in order, back-pressure, and nothing after the end.
import { describe, expect, it } from 'vitest';
import { ChannelReply, type ChannelEnd } from '../../../src/front/channel-reply.js';

function end() {
  const frames: string[] = [];
  const told: string[] = [];
  const state = { takes: true };
  const carrier: ChannelEnd = {
    hasSession: false, running: new Set(), began: () => undefined, over: () => undefined, openSession: () => undefined, provenUntil: () => undefined,
    write(frame) {
      frames.push(Buffer.from(frame).toString('utf8'));
      return state.takes;
    },
    answer: (_reply, status, body, close) => void told.push(`answer ${status} ${Buffer.from(body).toString('utf8')} ${close}`),
    streamEnded: () => void told.push('ended'),
    replyCut: () => void told.push('cut'),
    replyDone: () => void told.push('done'),
  };
  return { frames, told, state, reply: new ChannelReply(carrier, 'message') };
}

describe('a stream', () => {
  it('becomes one frame for each event with data, in order, however its bytes are cut', () => {
    const { frames, reply } = end();
    reply.begin();
    for (const chunk of [': open\n\n', 'event: message\nda', 'ta: {"a":1}\n\nid: 7\ndata:\n\n', Buffer.from('retry: 10\n\ndata: {"b":\r\ndata: 2}\r\n\r\n')]) expect(reply.write(chunk)).toBe(true);
    reply.end();
    expect(frames).toEqual(['{"a":1}', '{"b":\n2}']);
  });
  it('says when its client is slow, and tells when it no longer is', () => {
    const { state, reply } = end();
    let drained = 0;
    reply.begin();
    reply.onDrain(() => { drained += 1; });
    state.takes = false;
    expect(reply.write('data: 1\n\n')).toBe(false);
    expect(reply.write(': nothing for the client\n\n')).toBe(true);
    reply.drained();
    expect(drained).toBe(1);
  });
  it('ends with its connection: nothing more is written, and whoever works on it is told once', () => {
    const { frames, told, reply } = end();
    const heard: string[] = [];
    reply.onAbort((cause) => void heard.push(cause));
    reply.begin();
    reply.write('data: 1\n\n');
    reply.abort();
    reply.abort();
    reply.write('data: 2\n\n');
    reply.end();
    expect([frames, told, heard, reply.aborted]).toEqual([['1'], ['done'], ['client'], true]);
    reply.onAbort((cause) => void heard.push(cause));
    expect(heard).toEqual(['client', 'client']);
  });
  it('does not go on with the rest of a chunk when the socket has ended at one of its events', () => {
    const { frames, reply } = end();
    reply.begin();
    const { carrier } = reply;
    const write = carrier.write.bind(carrier);
    carrier.write = (frame) => {
      reply.abort();
      return write(frame);
    };
    reply.write('data: 1\n\ndata: 2\n\n');
    expect(frames).toEqual(['1']);
  });
  it('that is cut is told so, once', () => {
    const { told, reply } = end();
    reply.begin();
    reply.destroy();
    reply.end();
    reply.send(200, [], 'x');
    expect(told).toEqual(['cut', 'done']);
  });
});

describe('a whole answer', () => {
  it('is none where a stream has begun', () => {
    const { frames, told, reply } = end();
    reply.begin();
    reply.send(200, [], 'x');
    reply.write('data: 1\n\n');
    expect([frames, told]).toEqual([['1'], []]);
  });
  it('is handed on once', () => {
    const { told, reply } = end();
    reply.send(413, [], 'x', true);
    reply.send(200, [], 'y');
    reply.begin();
    reply.abort();
    expect(told).toEqual(['answer 413 x true', 'done']);
    expect(reply.aborted).toBe(false);
  });
  it('is given at once where its thread is ending', () => {
    const { told, reply } = end();
    reply.onAbort((cause) => reply.send(500, [], cause));
    reply.lose('shutdown');
    expect(told).toEqual(['answer 500 shutdown false', 'done']);
  });
});
