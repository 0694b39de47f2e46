// What is asked of each server: which tool answers, which fails, which is slow.

/**
 * @typedef {{ name: string, arguments: Record<string, unknown> }} ToolCall
 * @typedef {{ call: ToolCall, says: string, error: ToolCall, slow?: ToolCall, slower?: ToolCall }} Plan `slow` tells its progress and ends; `slower` does for 20 s
 */

/** The tool of server-everything that the gateway's policy forbids: the error of every client's row. */
export const REFUSED = 'get-env';

/** @type {Plan} */
export const EVERYTHING = {
  call: { name: 'echo', arguments: { message: 'hello from the table' } },
  says: 'hello from the table',
  error: { name: REFUSED, arguments: {} },
  // Three of four are asked for: mcp-remote loses the last step now and then, also without a gateway.
  slow: { name: 'trigger-long-running-operation', arguments: { duration: 0.6, steps: 4 } },
  slower: { name: 'trigger-long-running-operation', arguments: { duration: 20, steps: 40 } },
};

/** What the small servers of servers/ serve, whatever library they are on. @type {Plan} */
export const SMALL = {
  call: { name: 'add', arguments: { a: 2, b: 3 } },
  says: '5',
  error: { name: 'fail', arguments: {} },
  slow: { name: 'count', arguments: { steps: 3, pause_ms: 50 } },
  slower: { name: 'count', arguments: { steps: 200, pause_ms: 100 } },
};
