// A JSON-RPC id has many spellings: 1, 1.0 and 1e0 are one, "a" and "\u0061" too.

/**
 * Equal for every spelling of one id, as most programs read it ("\u0041" and "A", -0 and 0, integers beyond 2^53): who answers or cancels may
 * spell it anew, and who chose it must not gain by an odd spelling. Empty for what is no id.
 */
export function comparableId(idText: string): string {
  const id: unknown = JSON.parse(idText);
  if (typeof id === 'string') return `"${id}`;
  return typeof id === 'number' ? String(id + 0) : '';
}

/** The plain spelling of a comparable id. */
export function idTextOf(comparable: string): string {
  return comparable.startsWith('"') ? JSON.stringify(comparable.slice(1)) : comparable;
}
