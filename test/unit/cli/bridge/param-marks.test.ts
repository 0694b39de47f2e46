// What the bridge learns from the lists that pass.
import { expect, it } from 'vitest';
import { ParamMarks } from '../../../../src/cli/bridge/param-marks.js';

it('finds a marked argument by its name, whatever escapes the list has it with', () => {
  const marks = new ParamMarks();
  const schemas = [String.raw`{"asked":{},"a\\":{}}`, String.raw`{"asked":{},"a\u0062":{"type":"string","x-mcp-header":"Ab"}}`];
  marks.learn(Buffer.from(`{"result":{"tools":[${schemas.map((properties, at) => `{"name":"t${at}","inputSchema":{"properties":${properties}}}`).join(',')}]}}`));
  const args = Buffer.from('{"ab":"v"}');
  expect(marks.headersFor('t1', args, { from: 0, to: args.length })).toEqual({ 'mcp-param-ab': 'v' });
});
