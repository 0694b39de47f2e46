// Which arguments a tool's schema wants repeated in Mcp-Param-*: read from the lists that pass, since a stdio client sends no headers (2026-07-28, basic/transports).
import { parseJson } from '../../base/json/parse-json.js';
import type { ValueSpan } from '../../base/json/spans.js';
import { makeParamHeaders, readParamMarks, type ParamMark } from '../../mcp/param-headers.js';
import { listOf, member, textOf } from '../reading.js';

const TOOLS_MAX = 10_000; // marked ones; a gateway has fewer tools
const MARK = Buffer.from('x-mcp-header');

export class ParamMarks {
  readonly #byTool = new Map<string, readonly ParamMark[]>();

  /** The answer to a tools/list. A list without any mark is not even parsed, unless a mark may have gone. */
  learn(answer: Buffer): void {
    if (this.#byTool.size === 0 && !answer.includes(MARK)) return;
    for (const tool of listOf(member(parsed(answer), 'result'), 'tools')) {
      const marks = readParamMarks(member(tool, 'inputSchema'));
      this.#byTool.delete(textOf(tool, 'name'));
      if (marks !== undefined && this.#byTool.size < TOOLS_MAX) this.#byTool.set(textOf(tool, 'name'), marks);
    }
  }

  headersFor(tool: string, bytes: Buffer, args: ValueSpan | undefined): Readonly<Record<string, string>> {
    const marks = this.#byTool.get(tool);
    return marks === undefined || args === undefined ? {} : makeParamHeaders(marks, bytes, args);
  }
}

export function nextCursorOf(answer: Buffer): string {
  return textOf(member(parsed(answer), 'result'), 'nextCursor');
}

function parsed(bytes: Buffer): unknown {
  try {
    return parseJson(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
