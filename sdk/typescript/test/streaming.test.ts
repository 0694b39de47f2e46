// A call whose answer is a stream: what is heard, in which order, and how it ends.
import { describe, expect, it } from 'vitest';
import { CallTimeoutError, PrecinctError, UpstreamError, type ToolEvent } from '../src/index.js';
import { failure, startCalls } from './support/calls.js';
import { ownSurroundings } from './support/own-surroundings.js';
import { envelope, events } from './support/scripted-gateway.js';

const { gateway, client } = await startCalls();

describe('a streamed call', () => {
  const progress = (n: number): unknown => ({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: '$id', progress: n, total: 3, message: `step ${n}` } });

  it('brings progress and log messages, then the result', async () => {
    gateway.play(events(progress(1), { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'warning', logger: 'l', data: { a: 1 } } }, { jsonrpc: '2.0', method: 'notifications/other', params: { b: 2 } }, { jsonrpc: '2.0', id: '$id', result: { content: [{ type: 'text', text: 'end' }] } }));
    const got: ToolEvent[] = [];
    for await (const event of client().streamTool('t')) got.push(event);
    expect(got).toMatchObject([
      { type: 'progress', progress: 1, total: 3, message: 'step 1' }, { type: 'log', level: 'warning', logger: 'l', data: { a: 1 } }, { type: 'notification', method: 'notifications/other', params: { b: 2 } }, { type: 'result', result: { text: 'end' } },
    ]);
    expect(gateway.seen[0]?.body).toMatchObject({ id: 1, params: { _meta: { progressToken: 1 } } });
  });

  it('leaves its connection to the next one', async () => {
    gateway.play((seen, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(`data: ${JSON.stringify({ jsonrpc: '2.0', id: seen.body['id'], result: { content: [] } })}\n\n`);
      setTimeout(() => response.end(), 5); // it ends behind its answer
    });
    const before = gateway.connections();
    const one = client();
    for (let n = 0; n < 6; n += 1) {
      await one.callTool('t');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(gateway.connections() - before).toBeLessThan(6);
  });

  it('throws the refusal that comes within it', async () => {
    gateway.play(events(progress(1), { jsonrpc: '2.0', id: '$id', error: { code: 502, message: 'x', data: envelope('response_blocked', { middleware_step: 14 }) } }));
    const got: string[] = [];
    const run = async (): Promise<void> => {
      for await (const { type } of client().streamTool('t')) got.push(type);
    };
    expect(await failure(run())).toBeInstanceOf(UpstreamError);
    expect(got).toEqual(['progress']);
  });

  it('closes its connection when it is left early, and when its signal says so', async () => {
    const closed: Promise<void>[] = [];
    gateway.play((_seen, response) => {
      closed.push(new Promise((resolve) => response.on('close', resolve)));
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(`data: ${JSON.stringify(progress(1))}\n\n`);
    });
    for await (const event of client().streamTool('t')) if (event.type === 'progress') break;
    await closed[0];
    const stop = new AbortController();
    const reason = new Error('my own reason');
    const run = client().callTool('t', {}, { signal: stop.signal, onProgress: () => stop.abort(reason) });
    await expect(run).rejects.toBe(reason);
    await closed[1];
    await expect(client().callTool('t', {}, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
    expect(gateway.seen).toHaveLength(2);
  });

  it('is read no faster than its reader takes it', async () => {
    const line = `data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'x'.repeat(64 * 1024) } })}\n\n`;
    const LINES = 512; // 32 MiB: more than sockets and streams hold
    let written = 0;
    gateway.play((seen, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const more = (): void => {
        while (written < LINES) {
          written += 1;
          if (!response.write(line)) return void response.once('drain', more);
        }
        response.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id: seen.body['id'], result: { content: [] } })}\n\n`);
      };
      more();
    });
    const stream = client().streamTool('t');
    await stream.next();
    let before = -1;
    while (before !== written) { // until the writer stands still
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(written).toBeLessThan(LINES);
    let count = 1;
    for await (const event of stream) if (event.type === 'log') count += 1;
    expect(count).toBe(LINES);
  });

  it('ends with its time, and says whether it may have run', async () => {
    const surroundings = ownSurroundings();
    gateway.play((_seen, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': here\n\n');
      setImmediate(() => surroundings.pass(2));
    });
    expect(await failure(client({ surroundings }).callTool('t', {}, { timeout: 2 }))).toMatchObject({ name: 'CallTimeoutError', mayHaveRun: true, message: expect.stringMatching(/^No answer within 2 s; the record: agw audit explain [0-9a-f]{32}$/) as string });
    expect(new CallTimeoutError('x', { mayHaveRun: false, traceId: undefined })).toBeInstanceOf(PrecinctError);
  });
});
