// Command lines as a person types them: usage, proposals, exit codes.
import { afterAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../../../src/cli/index.js';
import { openBench } from './cli-fixture.js';

const bench = openBench();
afterAll(() => bench.close());

describe('help', () => {
  it('is shown for agw alone, with exit codes and environment, and ends with 0', async () => {
    const { code, out } = await bench.agw([]);
    expect(code).toBe(0);
    for (const word of ['status', 'doctor', 'audit', 'AGW_GATEWAY', 'NO_COLOR', 'Exit codes']) expect(out).toContain(word);
  });

  it.each(COMMANDS.map((spec) => spec.path))('of agw %s shows its examples', async (path) => {
    const { code, out } = await bench.agw([...path.split(' '), '--help']);
    expect(code).toBe(0);
    expect(out).toContain('Examples:');
    expect(out).toContain('agw ');
  });

  it.each([[['help'], 'Exit codes'], [['help', 'policy'], 'agw policy'], [['help', 'policy', 'eval'], '--caller'], [['help', 'audit'], 'verify'], [['-h', 'policy'], 'agw policy [options]'], [['--help', 'policy', 'eval'], '--caller'], [['-h'], 'Exit codes']])('%j is the help', async (line, shown) => {
    const { code, out } = await bench.agw(line);
    expect(code).toBe(0);
    expect(out).toContain(shown);
  });

  it('of something unknown is wrong usage', async () => {
    expect(await bench.agw(['help', 'polcy'])).toMatchObject({ code: 2, out: '' });
  });

  it('gives every command an example that names it', () => {
    expect(COMMANDS.filter((spec) => !spec.examples.some((line) => line.includes(`agw ${spec.path}`))).map((spec) => spec.path)).toEqual([]);
  });

  it('has every command the contract names', () => {
    const contract = 'status,doctor,connect,import,reload,version,completion,identity list,identity add,identity remove,inspect tools,inspect layers,inspect identity,inspect sessions,sessions revoke,inspect upstreams,inspect traffic,tools call,bridge,tools hash,tools add,tools list,tools diff,policy eval,policy reload,policy list,policy test,rules list,rules import,audit search,audit verify,audit tail,audit explain,approver add,approver list,approver remove,approvals list,approvals show,approvals approve,approvals deny,secret put,secret list,secret issue,secret rotate,secret remove,config check,config show';
    expect(COMMANDS.map((spec) => spec.path).toSorted()).toEqual(contract.split(',').toSorted());
  });
});

describe('wrong usage ends with 2 and names the nearest', () => {
  it.each([
    [['stauts'], 'agw status'],
    [['polcy', 'reload'], 'agw policy reload'],
    [['polcy', 'evl', '--tool', 'x'], 'agw policy eval'],
    [['polcy', 'wurst'], 'agw policy'],
    [['stauts', 'now'], 'agw status'],
    [['audit', 'serch'], 'agw audit search'],
    [['approvals', 'aprove', 'x'], 'agw approvals approve'],
    [['status', '--jsn'], '--json'],
    [['policy', 'eval', '--calller', 'x'], '--caller'],
    [['audit', '--lst', '1'], '--last'],
    [['completion', 'bahs'], 'bash'],
    [['inspect', 'tool'], 'agw inspect tools'],
    [['layers'], 'agw inspect layers'],
    [['trafic', '--follow'], 'agw inspect traffic'],
    [['verify'], 'agw audit verify'],
  ])('%j → %s', async (line, meant) => {
    const { code, err } = await bench.agw(line);
    expect(code).toBe(2);
    expect(err).toContain(`Did you mean ${meant}?`);
  });

  it.each([[['policy']], [['policy', 'eval']], [['status', 'more']], [['tools', 'diff']], [['approvals', 'list', '--state', 'lost']]])('%j', async (line) => {
    expect((await bench.agw(line)).code).toBe(2);
  });
});

describe('a caller that is no SPIFFE ID', () => {
  it.each([['audit', 'search'], ['audit', 'tail'], ['inspect', 'traffic'], ['inspect', 'sessions'], ['sessions', 'revoke'], ['policy', 'eval', '--tool', 'x'], ['policy', 'eval', '--tool', 'x', '--offline']].map((line) => ({ line })))('is wrong usage of agw $line', async ({ line }) => {
    for (const caller of ['my-agent', 'spiffe://poc.local', 'spiffe://poc.local/a b', '']) {
      const { code, out, err } = await bench.agw([...line, '--caller', caller, '--json']);
      expect([code, out, JSON.parse(err)]).toMatchObject([2, '', { error: { code: 'usage', message: expect.stringContaining('--caller') as string, remediation: expect.stringContaining('agw identity list') as string } }]);
    }
  });
});

describe('wrong usage as JSON', () => {
  it.each([
    [['--json', 'nope'], 'nope'],
    [['status', '--json', '--gatewy', 'x'], '--gateway'],
    [['--json', 'policy'], 'eval'],
    [['--json', 'policy', 'eval'], '--caller'],
    [['polcy', 'eval', '--json'], 'agw policy eval'],
    [['config', 'show', 'dpl', '--json'], 'dlp'],
  ])('%j is one error that names %s', async (line, named) => {
    const { out, err } = await bench.agw(line);
    const { error } = JSON.parse(err) as { error: { code: string; message: string; remediation?: string } };
    expect(out).toBe('');
    expect(error.code).toBe(line[0] === 'config' ? 'not_found' : 'usage');
    expect(`${error.message} ${error.remediation ?? ''}`).toContain(named);
  });
});

describe('the version', () => {
  it.each([['version'], ['--version'], ['-V'], ['-v']])('is what %s asks for', async (word) => {
    expect(await bench.agw([word])).toMatchObject({ code: 0, out: (await bench.agw(['version'])).out });
  });
});

describe('without a gateway', () => {
  it.each([[['status']], [['reload']], [['inspect', 'tools']], [['policy', 'reload']], [['approvals', 'list']], [['secret', 'list']]])('%j says so in one line with the remedy, and ends with 2', async (line) => {
    const { code, err, out } = await bench.agw(line);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err.split('\n')).toHaveLength(2);
    expect(err).toContain('make up');
  });

  it('says it as JSON when JSON was asked for', async () => {
    const { err } = await bench.agw(['status', '--json']);
    expect(JSON.parse(err)).toMatchObject({ error: { code: 'gateway_not_running' } });
  });

  it('takes an address without a scheme for a URL that lacks it', async () => {
    const { err } = await bench.agw(['status', '--gateway', 'localhost:9090']);
    expect(err).toContain('--gateway http://localhost:9090');
  });

  it('refuses the data plane for what needs the control plane', async () => {
    const { code, err } = await bench.agw(['policy', 'reload', '--gateway', 'http://127.0.0.1:1']);
    expect(code).toBe(2);
    expect(err).toContain('control');
  });
});
