// Reads members of a line from disk: it may be damaged, or somebody else's, and must not stop whoever looks for another one.

export type LineObject = Readonly<Record<string, unknown>>;

/** Undefined for what is not the JSON text of an object. */
export function parseLine(text: string): LineObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as LineObject) : undefined;
  } catch {
    return undefined;
  }
}

export function objectMember(line: LineObject, name: string): LineObject | undefined {
  const value = Object.hasOwn(line, name) ? line[name] : undefined;
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as LineObject) : undefined;
}

export function textMember(line: LineObject, name: string): string | undefined {
  const value = Object.hasOwn(line, name) ? line[name] : undefined;
  return typeof value === 'string' ? value : undefined;
}

const DECISION_ID = '"decision_id":"';

/** Without parsing. Only members that the gateway itself fills come before decision_id, so its first occurrence is the member; '' where there is none. */
export function decisionIdOf(text: string): string {
  const at = text.indexOf(DECISION_ID);
  if (at === -1) return '';
  const from = at + DECISION_ID.length;
  return text.slice(from, text.indexOf('"', from));
}

/** The same over bytes. */
export function decisionIdIn(line: Buffer): string {
  const at = line.indexOf(DECISION_ID, 0, 'latin1');
  if (at === -1) return '';
  const from = at + DECISION_ID.length;
  return line.toString('utf8', from, line.indexOf('"', from));
}
