// agw policy eval: what it asks the gateway, prints and ends with.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBench, type Answers, type Bench } from './cli-fixture.js';

const ME = 'spiffe://poc.local/agents/mcp-client/my-agent/dev';
let bench: Bench;
beforeEach(() => (bench = openBench()));
afterEach(() => bench.close());

describe('agw policy eval', () => {
  const answering = (json: unknown): Answers => ({ 'POST /v1/policy/eval': () => ({ json }) });
  const line = ['policy', 'eval', '--caller', ME, '--tool', 'my_tool', '--method', 'tools/call'];

  it('prints ALLOW alone and ends with 0', async () => {
    await bench.serve(answering({ decision: 'ALLOW', cached: false, registered: true }));
    expect(await bench.agw(line)).toEqual({ code: 0, out: 'ALLOW', err: '' });
    expect(bench.asked[0]).toEqual({ method: 'POST', path: '/v1/policy/eval', body: { caller: ME, tool: 'my_tool', method: 'tools/call' } });
  });

  it('prints what the files say, and beside it what the gateway says until they are loaded', async () => {
    await bench.serve(answering({ decision: 'ALLOW', registered: true, active: false, active_decision: 'DENY' }));
    const { code, out, err } = await bench.agw(line);
    expect([code, out]).toEqual([0, 'ALLOW']);
    expect(err).toMatch(/until agw policy reload the gateway says DENY/);
    const asJson = await bench.agw([...line, '--json']);
    expect([JSON.parse(asJson.out), asJson.err]).toEqual([{ decision: 'ALLOW', reason: null, registered: true, notes: [], active: false, active_decision: 'DENY' }, '']);
  });

  it('says without a gateway that the files can be asked', async () => {
    for (const command of [line, ['policy', 'list']]) {
      const { code, err } = await bench.agw([...command, '--gateway', '/nowhere/control.sock']);
      expect([code, err]).toEqual([2, expect.stringMatching(/no gateway is running here[^]*make up[^]*--offline/)]);
    }
  });

  it('prints what else may refuse the call', async () => {
    await bench.serve(answering({ decision: 'ALLOW', registered: true, notes: ['layer 3 refuses it'] }));
    expect(await bench.agw(line)).toEqual({ code: 0, out: 'ALLOW', err: 'note: layer 3 refuses it' });
  });

  it.each([[[], /tools\/call names what it is about.*--tool NAME/], [['--method', 'prompts/get'], /prompts\/get names/], [['--method', 'tools/list'], /^$/]])('without a tool, and with %j, says whether one is wanted', async (more, says) => {
    await bench.serve(answering({ decision: 'DENY', registered: true }));
    expect(await bench.agw(['policy', 'eval', '--caller', ME, ...more])).toMatchObject({ code: 1, err: expect.stringMatching(says) as unknown });
  });

  it('names what helps where the files are wrong', async () => {
    await bench.serve({ 'POST /v1/policy/eval': () => ({ status: 422, json: { error: { code: 'reload_refused', message: 'unexpected token', file: 'policies/a.rego', line: 3, column: 7 } } }) });
    const { code, err } = await bench.agw(line);
    expect([code, err.split('\n')[0]]).toEqual([2, 'agw: policies/a.rego:3:7: unexpected token']);
    expect(err).toContain('--active');
  });

  it('asks what is active alone, which is no question to files', async () => {
    await bench.serve(answering({ decision: 'DENY', registered: true, active: true }));
    expect(await bench.agw([...line, '--active'])).toMatchObject({ code: 1, err: '' });
    expect(bench.asked[0]?.body).toMatchObject({ active: true });
    expect((await bench.agw([...line, '--active', '--offline'])).code).toBe(2);
  });

  it('prints DENY with the standard words and ends with 1', async () => {
    await bench.serve(answering({ decision: 'DENY', cached: false, registered: true }));
    expect(await bench.agw(line)).toEqual({ code: 1, out: 'DENY (no policy permits this combination)', err: '' });
  });

  it('prints the policy\'s own reason in their place, without its control characters', async () => {
    await bench.serve(answering({ decision: 'DENY', reason: 'office\u001b[2J hours', registered: true }));
    expect((await bench.agw(line)).out).toBe('DENY (office\\u{1b}[2J hours)');
  });

  it('ends with 2 when the policy could not be evaluated: a fault is no DENY', async () => {
    await bench.serve(answering({ decision: 'DENY', fault: 'time-out', registered: true }));
    expect((await bench.agw(line)).code).toBe(2);
  });

  it('ends with 2 for an answer that is no decision', async () => {
    await bench.serve(answering({ decision: 'allow' }));
    expect((await bench.agw(line)).code).toBe(2);
  });

  it('says beside the decision that the tool is not registered', async () => {
    await bench.serve(answering({ decision: 'ALLOW', registered: false }));
    const { out, err } = await bench.agw(line);
    expect(out).toBe('ALLOW');
    expect(err).toContain('my_tool');
  });

  it('sends arguments as they are, and refuses what is no object', async () => {
    await bench.serve(answering({ decision: 'ALLOW', registered: true }));
    await bench.agw([...line, '--arguments', '{"q":1}']);
    expect(bench.asked[0]?.body).toMatchObject({ arguments_json: '{"q":1}' });
    expect((await bench.agw([...line, '--arguments', '[1]'])).code).toBe(2);
  });
});
