// Whose answer an unreadable line is: its own id, never one that stands in its text.
import { expect, it } from 'vitest';
import { findAnswered } from '../../../../src/upstream/duplex/unreadable.js';

it.each([
  ['{"jsonrpc":"2.0","id":7,"result":{"a":', 7],
  [' { "id" : 7 , "result":', 7],
  ['{"result":{"x":1},"jsonrpc":"2.0","id":7}', 7],
  ['{"result":{"x":1},"id": 7 } ', 7],
  ['{"result":{"text":"\\"id\\":9}"},"jsonrpc":"2.0"}', 0],
  ['{"result":{"text":"x","id":9}}', 0],
  ['{"result":{"id":9},"jsonrpc":"2.0"}', 0],
  ['{"jsonrpc":"2.0","id":"7","result":', 0],
  ['{"jsonrpc":"2.0","result":{"id":9,"x":1', 0],
  ['{"result":{"x":1},"\\"id":9}', 0],
  ['Listening on "id":7}…', 0],
])('%j answers %d', (text, id) => {
  expect(findAnswered(Buffer.from(text))).toBe(id);
});
