// A message reader all of whose answers are awaited, as those of large messages are.
import type { MessageReader } from '../../../src/base/workers/message-reader.js';

export function awaitedReader(answer: (asked: unknown, reading: string) => Promise<unknown>): MessageReader {
  return { read: ({ name }, _message, asked) => answer(asked, name) as Promise<never> };
}
