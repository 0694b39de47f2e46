// The upstream client, over own sockets and over undici, against a real server that misbehaves in every way.
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createUpstreamClient, parseUpstreamUrl, type UpstreamClientOptions } from '../../../src/upstream/http-client.js';
import type { ReportingUpstreamClient, UpstreamCall, UpstreamClient, UpstreamFault, UpstreamRequest } from '../../../src/upstream/types.js';
import { startToolServer, type Answering, type ToolServer } from '../../support/tool-server.js';

interface Got {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: string;
  fault: UpstreamFault | undefined;
  callbacks: string[];
}

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => { await Promise.all(closing.splice(0).map((close) => close())); });

async function makeServer(answering: Answering): Promise<ToolServer> {
  const server = await startToolServer({ sessions: false, answering });
  closing.push(() => server.close());
  return server;
}

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"my_tool"}}';
const request = (url: string, over: Partial<UpstreamRequest> = {}): UpstreamRequest => ({
  url, httpMethod: 'POST', headers: { 'content-type': 'application/json' }, body: Buffer.from(CALL), answerTimeoutMs: 5000, idleTimeoutMs: 5000, ...over,
});

function exchange(client: UpstreamClient, req: UpstreamRequest, onCall?: (call: UpstreamCall, got: Got) => void): Promise<Got> {
  return new Promise((resolve) => {
    const got: Got = { status: 0, headers: {}, body: '', fault: undefined, callbacks: [] };
    const call = client.send(req, {
      onHead: (status, headers) => { got.callbacks.push('head'); Object.assign(got, { status, headers }); },
      onData: (chunk) => { got.callbacks.push('data'); got.body += Buffer.from(chunk).toString('utf8'); },
      onEnd: () => { got.callbacks.push('end'); resolve(got); },
      onFault: (fault) => { got.callbacks.push('fault'); got.fault = fault; resolve(got); },
    });
    onCall?.(call, got);
  });
}

async function rawServer(onConnection: (socket: import('node:net').Socket) => void): Promise<{ url: string; server: Server }> {
  const server = createServer((socket) => { socket.on('error', () => undefined); onConnection(socket); });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => new Promise((resolve) => server.close(resolve)));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, server };
}

describe.each<'native' | 'node' | 'undici'>(['native', 'node', 'undici'])('the upstream client (%s)', (plain) => {
  const makeClient = (options: Partial<UpstreamClientOptions> = {}): UpstreamClient => makeReporting(options);
  function makeReporting(options: Partial<UpstreamClientOptions> = {}): ReportingUpstreamClient {
    const client = createUpstreamClient({ connectTimeoutMs: 1000, connectionsMax: 4, plain, ...options });
    closing.push(() => client.close());
    return client;
  }

  it('delivers head, data and end in order, and sends exactly what it was given', async () => {
    const server = await makeServer('json');
    const got = await exchange(makeClient(), request(server.url, { headers: { 'x-custom': 'yes', host: 'evil', connection: 'close', 'transfer-encoding': 'chunked', 'accept-encoding': 'gzip' } }));
    expect(got).toMatchObject({ status: 200, fault: undefined });
    expect(got.callbacks).toEqual(['head', 'data', 'end']);
    expect(JSON.parse(got.body)).toMatchObject({ id: 1 });
    const [seen] = server.seen;
    expect(seen?.body).toBe(CALL);
    expect(seen?.headers).toMatchObject({ host: `127.0.0.1:${server.port}`, 'x-custom': 'yes', 'accept-encoding': 'identity', 'content-length': String(CALL.length) });
  });

  it('counts per URL what it sends, and per origin what is under way', async () => {
    const server = await makeServer('json');
    const client = makeReporting();
    const other = server.url.replace('/mcp', '/other');
    await exchange(client, request(server.url));
    await exchange(client, request(other));
    await exchange(client, request(server.url), () => {
      expect(client.report().map(({ url, requests, underWay }) => [url, requests, underWay])).toEqual([[server.url, 2, 1], [other, 1, 1]]);
    });
    expect(client.report()).toMatchObject([{ url: server.url, requests: 2, underWay: 0 }, { url: other, requests: 1, underWay: 0 }]);
    const open = plain === 'undici' ? server.connections() : 1; // its pool opens another where the first is not free at once
    expect(client.report().map(({ connections }) => connections)).toEqual([open, open]);
  });

  it('copies the body before send returns', async () => {
    const server = await makeServer('json');
    const body = Buffer.from(CALL);
    await exchange(makeClient(), request(server.url, { body }), () => body.fill(0));
    expect(server.seen[0]?.body).toBe(CALL);
  });

  it('answers an error status as an answer, not as a fault', async () => {
    const server = await makeServer('http_500');
    expect(await exchange(makeClient(), request(server.url))).toMatchObject({ status: 500, body: 'boom', fault: undefined });
  });

  it('does not follow a redirect', async () => {
    const server = await makeServer('redirect');
    const got = await exchange(makeClient(), request(server.url));
    expect(got).toMatchObject({ status: 307, fault: undefined });
    expect(server.seen).toHaveLength(1);
  });

  it('passes over informational answers', async () => {
    const server = await makeServer('early_hints');
    const got = await exchange(makeClient(), request(server.url));
    expect(got.callbacks).toEqual(['head', 'data', 'end']);
    expect(got.status).toBe(200);
  });

  it.each<[Answering, UpstreamFault['kind']]>([
    ['not_http', 'protocol'], ['gzip', 'protocol'], ['two_content_types', 'protocol'], ['big_header', 'protocol'],
    ['length_too_long', 'transport'], ['die_mid_stream', 'transport'],
  ])('faults when the server answers %s (%s), as one that may have been sent', async (answering, kind) => {
    const server = await makeServer(answering);
    const got = await exchange(makeClient(), request(server.url));
    expect(got.fault).toMatchObject({ kind, maybeSent: true });
    expect(got.callbacks.filter((name) => name === 'fault' || name === 'end')).toEqual(['fault']);
  });

  it('never takes bytes beyond Content-Length for the next answer', async () => {
    const server = await makeServer('length_too_short');
    const client = makeClient({ connectionsMax: 1 });
    await exchange(client, request(server.url));
    server.answering = 'json';
    expect(JSON.parse((await exchange(client, request(server.url))).body)).toMatchObject({ id: 1 });
  });

  it('times out on a server that never answers, and closes that connection', async () => {
    const server = await makeServer('hang');
    const got = await exchange(makeClient(), request(server.url, { answerTimeoutMs: 50 }));
    expect(got.fault).toMatchObject({ kind: 'timeout', maybeSent: true });
    await expect.poll(() => server.hangUps()).toBe(1);
  });

  it('times out on silence within an answer, not on a slow one', async () => {
    const server = await makeServer('slow');
    const client = makeClient();
    server.slowMs = 30;
    expect(await exchange(client, request(server.url, { idleTimeoutMs: 2000 }))).toMatchObject({ status: 200, fault: undefined });
    server.slowMs = 10_000;
    const got = await exchange(client, request(server.url, { idleTimeoutMs: 60 }));
    expect(got.callbacks[0]).toBe('head');
    expect(got.fault).toMatchObject({ kind: 'timeout', maybeSent: true });
  });

  it('does not count the time its caller paused as the server\'s silence', async () => {
    const server = await makeServer('json');
    server.answerBytes = 4_000_000;
    const got = await exchange(makeClient(), request(server.url, { idleTimeoutMs: 80 }), (call) => {
      call.pause();
      setTimeout(() => call.resume(), 400);
    });
    expect(got.fault).toBeUndefined();
    expect(got.body.length).toBeGreaterThan(4_000_000);
  });

  it('stops reading while paused', async () => {
    const server = await makeServer('json');
    server.answerBytes = 20_000_000;
    let call: UpstreamCall | undefined;
    let received = 0;
    const ended = new Promise<void>((resolve, reject) => {
      call = makeClient().send(request(server.url), {
        onHead: () => undefined,
        onData: (chunk) => { if (received === 0) { call?.pause(); setTimeout(() => { received += 1; call?.resume(); }, 100); } received += chunk.length; },
        onEnd: resolve,
        onFault: (fault) => reject(new Error(fault.message)),
      });
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(received).toBeLessThan(1_000_000);
    await ended;
    expect(received).toBeGreaterThan(20_000_000);
  });

  it('says nothing was sent when the connection is refused', async () => {
    const { url, server } = await rawServer(() => undefined);
    await new Promise((resolve) => server.close(resolve));
    expect((await exchange(makeClient(), request(url))).fault).toMatchObject({ kind: 'transport', maybeSent: false });
  });

  it('says the call may have been sent when the connection dies after the request', async () => {
    const { url } = await rawServer((socket) => socket.once('data', () => socket.destroy()));
    expect((await exchange(makeClient(), request(url))).fault).toMatchObject({ kind: 'transport', maybeSent: true });
  });

  it('says nothing was sent when time runs out while waiting for a connection', async () => {
    const server = await makeServer('hang');
    const client = makeClient({ connectionsMax: 1 });
    const first = exchange(client, request(server.url, { answerTimeoutMs: 400 }));
    const second = await exchange(client, request(server.url, { answerTimeoutMs: 50 }));
    expect(second.fault).toMatchObject({ kind: 'timeout', maybeSent: false });
    await first;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(server.seen).toHaveLength(1);
  });

  it('refuses calls beyond the waiting line instead of queueing without end', async () => {
    const server = await makeServer('hang');
    const client = makeClient({ connectionsMax: 1, waitingMax: 1 });
    const waiting = [0, 1].map(() => exchange(client, request(server.url, { answerTimeoutMs: 100 })));
    expect((await exchange(client, request(server.url))).fault).toMatchObject({ kind: 'transport', maybeSent: false });
    await Promise.all(waiting);
  });

  it('counts a call that waited in vain until its bytes are let go', async () => {
    const server = await makeServer('hang');
    const client = makeClient({ connectionsMax: 1, heldBytesMax: CALL.length * 2 });
    const first = exchange(client, request(server.url, { answerTimeoutMs: 400 }));
    expect((await exchange(client, request(server.url, { answerTimeoutMs: 50 }))).fault).toMatchObject({ kind: 'timeout', maybeSent: false, crowdedOut: true });
    // undici keeps the bytes until a connection is free; the own client lets go of them at once.
    const third = await exchange(client, request(server.url, { answerTimeoutMs: 50 }));
    expect(third.fault).toMatchObject({ kind: plain !== 'undici' ? 'timeout' : 'transport', maybeSent: false, crowdedOut: true });
    expect((await first).fault).toMatchObject({ kind: 'timeout', maybeSent: true, crowdedOut: false });
    server.answering = 'json';
    await expect.poll(async () => (await exchange(client, request(server.url))).status).toBe(200);
  });

  it('gives back what lent bodies held, though their bytes are gone by then', async () => {
    const server = await makeServer('json');
    const client = makeClient({ heldBytesMax: CALL.length });
    for (let n = 0; n < 3; n++) {
      const body = new Uint8Array(Buffer.from(CALL));
      const answered = exchange(client, request(server.url, { body }));
      structuredClone(body.buffer, { transfer: [body.buffer] });
      expect(body.length).toBe(0);
      expect(await answered).toMatchObject({ status: 200, fault: undefined });
    }
    const gone = await rawServer((socket) => socket.destroy());
    for (let n = 0; n < 3; n++) expect((await exchange(client, request(gone.url))).fault?.message).not.toContain('too many');
  });

  it('gives no callback after abort, before or within the answer, and cuts the connection', async () => {
    const server = await makeServer('slow');
    const client = makeClient();
    const callbacks: string[] = [];
    const sink = {
      onHead: () => void callbacks.push('head'), onData: () => void callbacks.push('data'),
      onEnd: () => void callbacks.push('end'), onFault: () => void callbacks.push('fault'),
    };
    client.send(request(server.url), sink).abort();
    const later = client.send(request(server.url), { ...sink, onData: () => { callbacks.push('data'); later.abort(); } });
    await expect.poll(() => callbacks.length).toBe(2);
    await expect.poll(() => server.hangUps()).toBe(1);
    expect(callbacks).toEqual(['head', 'data']);
  });

  it('refuses other schemes, credentials in the URL and a malformed URL, with nothing sent', async () => {
    const client = makeClient();
    for (const url of ['file:///etc/passwd', 'ftp://127.0.0.1/x', 'http://user:pw@127.0.0.1/mcp', 'not a url']) {
      expect(typeof parseUpstreamUrl(url)).toBe('string');
      expect((await exchange(client, request(url))).fault).toMatchObject({ kind: 'transport', maybeSent: false });
    }
  });

  it('refuses a header that would split the request, with nothing sent', async () => {
    const server = await makeServer('json');
    const got = await exchange(makeClient(), request(server.url, { headers: { 'x-a': 'b\r\nx-evil: 1' } }));
    expect(got.fault).toMatchObject({ kind: 'protocol', maybeSent: false });
    expect(server.seen).toHaveLength(0);
  });

  it('reuses its connection', async () => {
    const server = await makeServer('json');
    const client = makeClient();
    for (let round = 0; round < 20; round += 1) await exchange(client, request(server.url));
    expect(server.connections()).toBeLessThanOrEqual(plain !== 'undici' ? 1 : 2); // undici gives a connection back one turn of the event loop after the answer's end
  });

  it('faults what is in flight when it closes, and refuses what comes after', async () => {
    const server = await makeServer('hang');
    const client = createUpstreamClient({ connectTimeoutMs: 1000, connectionsMax: 1, plain });
    const inFlight = exchange(client, request(server.url));
    await expect.poll(() => server.seen.length).toBe(1);
    await client.close();
    expect((await inFlight).fault).toMatchObject({ kind: 'transport', maybeSent: true });
    expect((await exchange(client, request(server.url))).fault).toMatchObject({ maybeSent: false });
  });
});
