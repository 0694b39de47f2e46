// Callers and ids for the tests of bounds.
export function createCallers() {
  let last = 0;
  return {
    callerOf: (n: number): string => `spiffe://poc.local/agents/mcp-client/agent-${n}/dev`,
    /** As long as asked for, and never the same twice. */
    id: (bytes: number): string => (last++).toString(16).padStart(bytes * 2, '0'),
  };
}
