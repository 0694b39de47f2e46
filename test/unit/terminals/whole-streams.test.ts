// A stream with one event, the answer, that is there at once or soon: it goes to the client whole.
import { describe, expect, it } from 'vitest';
import { startInProcessGateway, toolCall } from '../../support/gateway-in-process.js';
import { resultFor, sseHead } from '../../support/scripted-server.js';
import { until } from '../../support/until.js';
import { calls, CLIENT, CREDENTIAL, event, lastLines, note, openSession, running, server, start } from './call-fixture.js';

describe('a stream that is all there at once', () => {
  it('goes to the client as it came, with one line in the log', async () => {
    const session = await openSession();
    const sent = ': hello\r\nid: 7\r\nevent: message\r\nretry: 10\r\ndata: ';
    server.script = ({ idText }, response) => {
      sseHead(response);
      response.end(`${sent}${resultFor(idText, 'fine')}\r\n\r\n`);
    };
    for (const posted of [session, CLIENT]) {
      const before = running.lines().length;
      const reply = await running.ask(toolCall('plain'), posted);
      expect([reply.state, reply.status, reply.headers['content-type'], reply.text]).toEqual(['whole', 200, 'text/event-stream', `${sent}${resultFor('1', 'fine')}\r\n\r\n`]);
      expect(running.lines().slice(before).map(({ type }) => type).filter((type) => type !== 'intent')).toEqual(['request']);
      expect(lastLines(1)).toMatchObject([{ type: 'request', decision: 'ALLOW', status: 200, code: null }]);
    }
  });

  it('is begun where anything comes before the answer or after it', async () => {
    for (const [first, last] of [[event(note('one')), ''], [': comment\n\n', event(note('two'))], ['id: 1\ndata:\n\n', ''], ['', ': comment\n\n'], ['', event(note('two'))], ['', ': comment\r\r']] as const) {
      server.script = ({ idText }, response) => {
        sseHead(response);
        response.end(first + event(resultFor(idText, 'fine')) + last);
      };
      const reply = await running.ask(toolCall('plain'), CLIENT);
      expect([reply.state, reply.text]).toEqual(['ended', first + event(resultFor('1', 'fine')) + last]);
      expect(lastLines(2)).toMatchObject([{ type: 'request' }, { type: 'stream_end', code: null }]);
    }
  });

  it.each([true, false])('is begun where its answer does not come at once, or its end does not (the answer does: %s)', async (hasAnswer) => {
    let end = (): void => undefined;
    server.script = ({ idText }, response) => {
      sseHead(response);
      if (hasAnswer) response.write(event(resultFor(idText, 'fine')));
      else response.flushHeaders();
      end = () => void response.end(hasAnswer ? '' : event(resultFor(idText, 'fine')));
    };
    const reply = running.post(toolCall('plain'), CLIENT);
    await until(() => reply.status === 200 && (!hasAnswer || reply.text !== ''));
    end();
    await reply.finished;
    expect([reply.state, reply.text]).toEqual(['ended', event(resultFor('1', 'fine'))]);
    expect(lastLines(2)).toMatchObject([{ type: 'request' }, { type: 'stream_end', code: null }]);
  });

  describe('in parts', () => {
    const head = (): void => undefined;
    /** A gateway whose streams wait until they are told that they waited enough, and a tool server that is told when to send what. */
    async function waiting() {
      const due = new Set<() => void>();
      const own = await startInProcessGateway({ tools: [{ name: 'plain', url: server.url }], change: () => ({ every: (_ms, tick) => {
        due.add(tick);
        return () => due.delete(tick);
      } }) });
      let send: (part: string, last?: boolean) => Promise<void> = () => Promise.resolve();
      server.script = ({ idText }, response) => {
        sseHead(response);
        response.flushHeaders();
        send = async (part, last = false) => {
          const bytes = part === 'answer' ? event(resultFor(idText, 'fine')) : part;
          await new Promise<void>((resolve) => { if (last) response.end(bytes, resolve); else response.write(bytes, () => resolve()); });
        };
      };
      const before = calls().length;
      const reply = own.post(toolCall('plain'), CLIENT);
      await until(() => calls().length > before && due.size > 0); // the head is there
      return { own, reply, send: (part: string, last = false) => send(part, last), due, fire: () => [...due].forEach((tick) => tick()), lines: () => own.lines().map(({ type }) => type).filter((type) => type === 'request' || type === 'stream_end') };
    }

    it('is as whole as one that comes at once', async () => {
      const { own, reply, send, lines, due } = await waiting();
      const [first] = due;
      await send('answer');
      await until(() => !due.has(first ?? head)); // from here on it waits for the end
      expect([reply.state, lines()]).toEqual(['open', []]);
      await send('', true);
      await reply.finished;
      expect([reply.state, reply.text, lines(), due.size]).toEqual(['whole', event(resultFor('1', 'fine')), ['request'], 0]);
      await own.close();
    });

    it('is begun once it has waited for its answer long enough, and once more for its end', async () => {
      for (const early of [true, false]) {
        const { own, reply, send, lines, due, fire } = await waiting();
        const [first] = due;
        if (early) {
          await send('answer');
          await until(() => !due.has(first ?? head));
        }
        fire();
        await until(() => lines().length === 1);
        if (!early) await send('answer');
        await until(() => reply.text !== '');
        expect([reply.text, due.size]).toEqual([event(resultFor('1', 'fine')), 0]);
        await send('', true);
        await reply.finished;
        expect([reply.state, lines()]).toEqual(['ended', ['request', 'stream_end']]);
        await own.close();
      }
    });

    it('is begun by whatever else comes first, and waits no more', async () => {
      const { own, reply, send, lines, due } = await waiting();
      await send(event(note('one')));
      await until(() => reply.text !== '');
      expect([reply.text, lines(), due.size]).toEqual([event(note('one')), ['request'], 0]);
      await send('answer', true);
      await reply.finished;
      expect([reply.state, reply.text]).toEqual(['ended', event(note('one')) + event(resultFor('1', 'fine'))]);
      await own.close();
    });
  });

  it('refuses an answer that may not pass as its last event, as every stream', async () => {
    const answers: readonly (readonly [(idText: string) => string, string])[] = [
      [(idText) => resultFor(idText, CREDENTIAL), 'response_blocked'], [() => '{"half', 'mcp_invalid_response'], [() => resultFor('4711', 'not yours'), 'mcp_invalid_response'],
    ];
    const strict = await start('response: {credentials: block}');
    for (const [answer, code] of answers) {
      server.script = ({ idText }, response) => {
        sseHead(response);
        response.end(event(answer(idText)));
      };
      const reply = await strict.ask(toolCall('plain'), CLIENT);
      expect([reply.state, reply.status]).toEqual(['ended', 200]);
      expect(reply.events).toMatchObject([{ id: 1, error: { data: { code } } }]);
      expect(reply.text).not.toContain(CREDENTIAL);
      expect(strict.lines().slice(-2)).toMatchObject([{ type: 'request', decision: 'ALLOW' }, { type: 'stream_end', code }]);
      await strict.ask(toolCall('plain'));
    }
    await strict.close();
  });

  it('that has no event at all says so', async () => {
    server.script = (_request, response) => {
      sseHead(response);
      response.end();
    };
    const reply = await running.ask(toolCall('plain'), CLIENT);
    expect(reply.events).toMatchObject([{ id: 1, error: { data: { code: 'mcp_invalid_response', reason_code: 'stream_ended_without_answer' } } }]);
  });

  it('whose client has gone ends as a call that was left', async () => {
    let answer = (): void => undefined;
    server.script = ({ idText }, response) => { answer = () => { sseHead(response); response.end(event(resultFor(idText, 'fine'))); }; };
    const reply = running.post(toolCall('plain'), CLIENT);
    await until(() => calls().length === 1);
    reply.hangUp();
    answer();
    await until(() => running.lines().at(-1)?.['code'] === 'client_disconnected');
    expect(lastLines(1)).toMatchObject([{ type: 'request', status: 499 }]);
  });

  it.each<[string, (idText: string) => string]>([['the answer', (idText) => event(resultFor(idText, CREDENTIAL))], ['the framing of an event', () => `: ${CREDENTIAL}\ndata: ${note('x')}\n\n`], ['a notification', () => event(note(CREDENTIAL))]])('that is begun late has what was found in %s in the log once', async (_where, first) => {
    server.script = ({ idText }, response) => {
      sseHead(response);
      response.write(first(idText), () => setImmediate(() => response.end(first(idText).includes('"result"') ? '' : event(resultFor(idText, 'fine')))));
    };
    const before = running.lines().length;
    await running.ask(toolCall('plain'), CLIENT);
    const found = running.lines().slice(before).flatMap(({ findings }) => (findings as { rule: string }[] | undefined ?? []).map(({ rule }) => rule));
    expect(found).toEqual(['aws-access-key-id']);
  });

  it('is refused at once while its answer is scanned in the pool, however that ends', async () => {
    for (const ends of ['release', 'block'] as const) {
      let scanned = (): void => undefined;
      let held = (): void => undefined;
      const own = await startInProcessGateway({
        tools: [{ name: 'plain', url: server.url }], config: ['upstream: {answer_bytes_max: 200000}'],
        scanPool: { scanRequest: () => Promise.reject(new Error('not asked')), scan: () => new Promise((resolve, reject) => { scanned = () => (ends === 'block' ? reject(new Error('x')) : resolve([])); }) },
        change: ({ appender }) => ({ appender: {
          get healthy() { return appender.healthy; }, get because() { return appender.because; }, append: (line, done) => appender.append(line, done),
          appendRequest: (facts, done) => { held = () => appender.appendRequest(facts, done); }, close: () => appender.close(),
        } }),
      });
      let more = (): void => undefined;
      server.script = ({ idText }, response) => {
        sseHead(response);
        response.write(event(resultFor(idText, 'fine %41 '.repeat(2500))));
        more = () => void response.write(`data: ${'x'.repeat(300_000)}`);
      };
      const none = scanned;
      const reply = own.post(toolCall('plain'), CLIENT);
      await until(() => scanned !== none);
      more();
      const unheld = held;
      await until(() => held !== unheld);
      scanned(); // while the request's line is being written
      await new Promise(setImmediate);
      held();
      await reply.finished;
      expect([reply.state, reply.events]).toMatchObject(['ended', [{ id: 1, error: { data: { code: 'mcp_invalid_response', reason_code: 'event_too_large' } } }]]);
      await own.close();
    }
  });

  it.each([true, false])('whose time is up while its answer is scanned in the pool is begun when that ends, or never (the client waits: %s)', async (waits) => {
    const due = new Set<() => void>();
    let scanned: (() => void) | undefined;
    const own = await startInProcessGateway({
      tools: [{ name: 'plain', url: server.url }],
      scanPool: { scanRequest: () => Promise.reject(new Error('not asked')), scan: () => new Promise((resolve) => { scanned = () => resolve([]); }) },
      change: () => ({ every: (_ms, tick) => {
        due.add(tick);
        return () => due.delete(tick);
      } }),
    });
    const text = 'fine %41 '.repeat(2500);
    let end = (): void => undefined;
    server.script = ({ idText }, response) => {
      sseHead(response);
      response.write(event(resultFor(idText, text)));
      end = () => void response.end();
    };
    const lines = () => own.lines().map(({ type }) => type).filter((type) => type === 'request' || type === 'stream_end');
    const reply = own.post(toolCall('plain'), CLIENT);
    await until(() => scanned !== undefined);
    for (const tick of [...due]) tick();
    expect([reply.state, due.size]).toEqual(['open', 0]);
    if (!waits) reply.hangUp();
    scanned?.();
    await until(() => lines().length === 1);
    if (waits) {
      await until(() => reply.text !== '');
      end();
    } else for (const tick of [...due]) tick(); // too late to begin anything
    await reply.finished;
    await new Promise(setImmediate);
    expect([reply.state, reply.text, due.size]).toEqual(waits ? ['ended', event(resultFor('1', text)), 0] : ['open', '', 0]);
    expect(lines()).toEqual(waits ? ['request', 'stream_end'] : ['request']);
    await own.close();
  });

  it('that is begun by its first event ends with the refusal of what follows while its line is being written', async () => {
    let held: (() => void) | undefined;
    const own = await startInProcessGateway({
      tools: [{ name: 'plain', url: server.url }], config: ['upstream: {answer_bytes_max: 200000}'],
      change: ({ appender }) => ({ appender: {
        get healthy() { return appender.healthy; }, get because() { return appender.because; }, append: (line, done) => appender.append(line, done),
        appendRequest: (facts, done) => { held = () => appender.appendRequest(facts, done); }, close: () => appender.close(),
      } }),
    });
    const hangUps = server.hangUps;
    server.script = (_request, response) => {
      sseHead(response);
      response.write(`${event(note('one'))}data: ${'x'.repeat(300_000)}`);
    };
    const reply = own.post(toolCall('plain'), CLIENT);
    await until(() => held !== undefined && server.hangUps > hangUps);
    held?.();
    await until(() => reply.state === 'ended');
    expect(reply.events).toMatchObject([{ id: 1, error: { data: { code: 'mcp_invalid_response', reason_code: 'event_too_large' } } }]);
    await own.close();
  });
});
