// Which headers an answer may not have: one rule for both clients.

/** An answer that names one of these twice can be read in two ways. */
export const SINGLE_HEADERS: ReadonlySet<string> = new Set(['content-type', 'mcp-session-id', 'mcp-protocol-version']);

const SHOWN_CHARACTERS_MAX = 32; // of what a server wrote, in a message for people

/** Why the answer is refused; undefined = it is not. */
export function twiceFault(name: string): string | undefined {
  return SINGLE_HEADERS.has(name) ? `the answer has more than one ${name} header` : undefined;
}

/** What the firewall can't read, it can't scan. Undefined = it can. */
export function encodingFault(encoding: string | undefined): string | undefined {
  if (encoding === undefined || encoding.toLowerCase() === 'identity') return undefined;
  return `the answer is encoded (${encoding.slice(0, SHOWN_CHARACTERS_MAX)}) though identity was asked for`;
}
