// Reads members of JSON that came from elsewhere (the control API, audit lines): absent or of another type gives a neutral value, never a crash.

export type JsonRecord = Readonly<Record<string, unknown>>;

export function recordOf(value: unknown): JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonRecord) : {};
}

export function member(value: unknown, key: string): unknown {
  const record = recordOf(value);
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

export function listOf(value: unknown, key: string): readonly unknown[] {
  const found = member(value, key);
  return Array.isArray(found) ? found : [];
}

/** Numbers and booleans as text; absent, null and objects as ''. */
export function textOf(value: unknown, key: string): string {
  const found = member(value, key);
  if (typeof found === 'string') return found;
  return typeof found === 'number' || typeof found === 'boolean' ? String(found) : '';
}

export function numberOf(value: unknown, key: string): number | undefined {
  const found = member(value, key);
  return typeof found === 'number' ? found : undefined;
}

export function truthOf(value: unknown, key: string): boolean {
  return member(value, key) === true;
}

export function textsOf(value: unknown, key: string): string[] {
  return listOf(value, key).filter((item) => typeof item === 'string');
}
