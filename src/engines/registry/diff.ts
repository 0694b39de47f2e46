// What changed between two tool definitions, member by member, for `agw tools diff`.

export interface DefinitionChange {
  /** JSON Pointer (RFC 6901); empty = the whole definition. */
  readonly path: string;
  readonly kind: 'added' | 'removed' | 'changed';
  readonly before?: unknown;
  readonly after?: unknown;
}

const CHANGES_MAX = 500; // a person reads no more; a hostile definition must not fill the answer
const DEPTH_MAX = 128;

/** `before` and `after` are parsed JSON. Order of members is no change here (the seed hash, which covers it, says more than this list can). */
export function diffDefinitions(before: unknown, after: unknown): DefinitionChange[] {
  const changes: DefinitionChange[] = [];
  compare(before, after, '', 0, changes);
  return changes;
}

function compare(before: unknown, after: unknown, path: string, depth: number, changes: DefinitionChange[]): void {
  if (changes.length >= CHANGES_MAX || before === after) return;
  const beforeMembers = membersOf(before);
  const afterMembers = membersOf(after);
  if (beforeMembers === undefined || afterMembers === undefined || Array.isArray(before) !== Array.isArray(after) || depth >= DEPTH_MAX) {
    if (beforeMembers === undefined || afterMembers === undefined || JSON.stringify(before) !== JSON.stringify(after)) add(changes, { path, kind: 'changed', before, after });
    return;
  }
  for (const key of new Set([...beforeMembers.keys(), ...afterMembers.keys()])) {
    const at = `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (!afterMembers.has(key)) add(changes, { path: at, kind: 'removed', before: beforeMembers.get(key) });
    else if (!beforeMembers.has(key)) add(changes, { path: at, kind: 'added', after: afterMembers.get(key) });
    else compare(beforeMembers.get(key), afterMembers.get(key), at, depth + 1, changes);
  }
}

function membersOf(value: unknown): ReadonlyMap<string, unknown> | undefined {
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : undefined;
}

function add(changes: DefinitionChange[], change: DefinitionChange): void {
  if (changes.length < CHANGES_MAX) changes.push(change);
}
