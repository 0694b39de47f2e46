// The arguments of a call as they are typed: what is right goes out as it is, what is wrong is shown with its place.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCallArguments } from '../../../src/cli/call-arguments.js';
import { CliFailure } from '../../../src/cli/failure.js';
import { openBench, type Bench } from './cli-fixture.js';

let bench: Bench;
beforeAll(() => (bench = openBench()));
afterAll(() => bench.close());

const read = (args: string | undefined): Promise<string> => readCallArguments({ terminal: undefined as never, option: () => args });

async function fault(args: string): Promise<CliFailure> {
  const found: unknown = await read(args).catch((error: unknown) => error);
  if (!(found instanceof CliFailure)) throw new Error(`taken: ${args}`);
  return found;
}

describe('arguments', () => {
  it('are empty when none are given', async () => {
    expect(await read(undefined)).toBe('{}');
  });

  it.each(['{}', ' {"a" : 1e400, "b":12345678901234567890}\n', '{"\\u0061":"é"}', '{"Method":1,"id":2}'])('%s goes out byte for byte', async (text) => {
    expect(await read(text)).toBe(text);
    expect(await read(`@${bench.file('args.json', text)}`)).toBe(text);
  });

  it.each([
    ['{"query":hello}', '1:10'], ['{"a":1,}', '1:8'], ['{"a":1', '1:7'], ['{\n  "é": tru\n}', '2:11'], ['', '1:1'], ['[1]', '1:1'], [' "x"', '1:2'], ['{"a":1,"\\u0061":2}', '1:8'],
    ['{}},"method":"tools/list","x":{"y":{}', '1:3'], ['{"a":"\\ud800"}', '1:7'],
  ])('%j is refused at %s', async (text, place) => {
    const { message, exitCode, code } = await fault(text);
    expect({ place: message.split(': ', 1)[0], exitCode, code }).toEqual({ place: `--args:${place}`, exitCode: 2, code: 'arguments_not_json' });
  });

  it('are shown around the place, with a mark below it', async () => {
    expect((await fault(`{"long":"${'x'.repeat(100)}","query":hello}`)).message.split('\n').slice(1)).toEqual([`  ${'x'.repeat(30)}","query":hello}`, `  ${' '.repeat(40)}^`]);
  });

  it('name the file they are wrong in, and one that is not there', async () => {
    const path = bench.file('wrong.json', '{\n"a":}');
    expect((await fault(`@${path}`)).message).toContain(`${path}:2:5: `);
    expect((await fault('@nowhere.json')).message).toContain('nowhere.json');
  });
});
