// Whether a served definition is the registered one, by which hash, and what of it changed outside the hashed members.
import { memberSpans } from '../../base/json/spans.js';
import { HASHED_MEMBERS } from './served-tools.js';
import type { DefinitionPin, HashAlg, RegisteredTool, ServedTool } from './types.js';

export type Verification =
  | { readonly kind: 'match'; readonly alg: HashAlg; readonly changedMembers: readonly string[] }
  | { readonly kind: 'mismatch' };

const ALGORITHMS: readonly HashAlg[] = ['seed', 'jcs', 'legacy'];
const MISMATCH: Verification = Object.freeze({ kind: 'mismatch' });

/** Any of the three hashes matches, or the declared one only. The legacy hash does not cover the name, so the names are compared as well. */
export function verifyServed(tool: RegisteredTool, served: ServedTool, pin?: DefinitionPin): Verification {
  if (served.name !== tool.servedName) return MISMATCH;
  const candidates = tool.hashAlg === undefined ? ALGORITHMS : [tool.hashAlg];
  const alg = candidates.find((candidate) => served.hashes[candidate] === tool.hash);
  if (alg === undefined) return MISMATCH;
  return { kind: 'match', alg, changedMembers: changedMembers(served, pinFor(tool, pin)) };
}

/** Members outside the three hashes that are not what was pinned; without a pin that says which, all of them. */
export function changedMembersOf(tool: RegisteredTool, served: ServedTool, pin: DefinitionPin | undefined): string[] {
  return changedMembers(served, pinFor(tool, pin));
}

/** The registry's own pin wins over one remembered from first sight; members known for the same whole are kept. */
function pinFor(tool: RegisteredTool, pin: DefinitionPin | undefined): DefinitionPin | undefined {
  if (tool.definitionHash === undefined) return pin;
  return pin?.definitionHash === tool.definitionHash ? pin : { definitionHash: tool.definitionHash, memberHashes: undefined };
}

function changedMembers(served: ServedTool, pin: DefinitionPin | undefined): string[] {
  if (pin === undefined || pin.definitionHash === served.definitionHash) return [];
  const before = pin.memberHashes;
  if (before === undefined) return Object.keys(served.memberHashes); // which one changed is unknown: none of them is vouched for
  const names = new Set([...Object.keys(before), ...Object.keys(served.memberHashes)]);
  return [...names].filter((name) => before[name] !== served.memberHashes[name]);
}

/** The tool's text without these members, the rest byte for byte. The three hashed members always stay. */
export function withoutMembers(text: string, members: readonly string[]): string {
  const leftOut = new Set(members.filter((name) => !HASHED_MEMBERS.includes(name)));
  if (leftOut.size === 0) return text;
  const bytes = Buffer.from(text, 'utf8');
  const spans = memberSpans(bytes, 0, bytes.length);
  const kept = spans.filter(({ key }) => !leftOut.has(key));
  if (kept.length === spans.length) return text;
  return `{${kept.map(({ keyFrom, to }) => bytes.toString('utf8', keyFrom, to)).join(',')}}`;
}
