// The first policy of a caller: exactly the tools that were imported, and their list. A file of its own, which a later import extends as long as nobody has edited it.
import { join } from 'node:path';
import { readConfigText } from '../edit-file.js';

export interface PolicyFile {
  readonly file: string;
  readonly text: string;
  /** '' where it is new. */
  readonly before: string;
  readonly tools: readonly string[];
}

const FILES_MAX = 1000; // one for each time that a person edited the one before

/** Undefined when there is nothing to allow that a file of this kind does not allow already. */
export function firstPolicy(dir: string, caller: string, tools: readonly string[]): PolicyFile | undefined {
  const stem = `import_${caller.replace(/^spiffe:\/\/[^/]+\/(?:agents\/mcp-client\/)?/, '').replace(/[^A-Za-z0-9]+/g, '_')}`;
  let wanted = [...new Set(tools)].sort();
  for (let count = 1; count <= FILES_MAX; count += 1) {
    const file = join(dir, `${stem}${count === 1 ? '' : `_${count}`}.rego`);
    const before = readConfigText(file);
    const known = allowedBy(before, caller);
    if (before !== '' && known === undefined) continue; // a person's now
    const all = [...new Set([...(known ?? []), ...wanted])].sort();
    if (known !== undefined && all.length === known.length) wanted = [];
    return wanted.length === 0 ? undefined : { file, before, tools: all, text: policyText(caller, all) };
  }
  return undefined;
}

/** The tools of a text as it is written here; undefined where it is another. */
function allowedBy(text: string, caller: string): readonly string[] | undefined {
  const list = /input\.tool_name in \{\n([\s\S]*?)\n\t\}\n/.exec(text)?.[1];
  if (list === undefined) return undefined;
  try {
    const tools = JSON.parse(`[${list}]`) as unknown;
    return Array.isArray(tools) && tools.every((tool) => typeof tool === 'string') && policyText(caller, tools) === text ? tools : undefined;
  } catch {
    return undefined;
  }
}

export function policyText(caller: string, tools: readonly string[]): string {
  const who = JSON.stringify(caller);
  return `# Written by agw import: what ${caller}
# may do with the tools of the servers it came with: call exactly these, and list them. Edit it freely: a later import then writes a file beside it.
package precinct.authz

import rego.v1

allow if {
	input.caller_spiffe_id == ${who}
	input.method == "tools/call"
	input.tool_name in {
${tools.map((tool) => `\t\t${JSON.stringify(tool)}`).join(',\n')}
	}
}

allow if {
	input.caller_spiffe_id == ${who}
	input.method == "tools/list"
}
`;
}
