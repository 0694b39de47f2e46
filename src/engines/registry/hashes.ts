// The three hashes of a tool definition (SPEC section 5) and the one over the whole of it.
import { parseJson } from '../../base/json/parse-json.js';
import { createHash } from 'node:crypto';
import { canonicalJcs } from '../../base/json/canonical.js';
import { goJson } from './go-json.js';
import type { ToolHash } from './types.js';

/** A definition's three hashed members as raw JSON text; undefined = absent. */
export interface HashedMembers {
  readonly name: string;
  readonly description: string | undefined;
  readonly inputSchema: string | undefined;
}

/** SHA-256 of compact `{"name","description","inputSchema"}`: each member's own text, only the insignificant white space taken out. */
export function seedHash(members: HashedMembers): ToolHash {
  return sha256(objectText(members));
}

/** The same object canonicalised by RFC 8785. */
export function jcsHash(members: HashedMembers): ToolHash {
  return canonicalHash(objectText(members));
}

/** SHA-256 of the description directly followed by the schema as Go's encoding/json writes a map; an absent schema counts as `{}`. */
export function legacyHash(members: HashedMembers): ToolHash {
  const description: unknown = members.description === undefined ? '' : parseJson(members.description);
  const schema: unknown = members.inputSchema === undefined ? {} : parseJson(members.inputSchema);
  return sha256(`${typeof description === 'string' ? description : ''}${goJson(schema)}`);
}

/** RFC 8785 over one JSON text: the whole definition, or one member of it. */
export function canonicalHash(text: string): ToolHash {
  let canonical: string;
  try {
    canonical = canonicalJcs(parseJson(text));
  } catch {
    // Numbers beyond a double (1e400) have no canonical form. The prefix keeps the hash apart from every canonical text's.
    canonical = `not canonical\0${compactJson(text)}`;
  }
  return sha256(canonical);
}

/** Takes out white space outside strings; everything else stays byte for byte. `text` is valid JSON. */
export function compactJson(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|[ \t\r\n]+/gsu, (token) => token.startsWith('"') ? token : '');
}

function objectText({ name, description, inputSchema }: HashedMembers): string {
  const members = [`"name":${compactJson(name)}`];
  if (description !== undefined) members.push(`"description":${compactJson(description)}`);
  if (inputSchema !== undefined) members.push(`"inputSchema":${compactJson(inputSchema)}`);
  return `{${members.join(',')}}`;
}

function sha256(text: string): ToolHash {
  return createHash('sha256').update(text, 'utf8').digest('hex') as ToolHash;
}
