// What a tool answered.
import { ToolError } from './errors.js';
import { isObject, listOf, objectOf, textOf, type JsonObject } from './json.js';

/** As it came: `text`, `image`, `audio`, `resource`, `resource_link`, or what a later version adds. */
export interface ContentBlock extends JsonObject {
  readonly type: string;
}

export class ToolResult {
  readonly content: readonly ContentBlock[];
  readonly structuredContent: unknown;
  /** The tool ran, and says that it failed. */
  readonly isError: boolean;
  /** `_meta` of the result. */
  readonly meta: Readonly<JsonObject>;
  /** Finds the record: agw audit explain TRACE_ID. */
  readonly traceId: string;
  /** The whole result, with members that this version does not know. */
  readonly raw: Readonly<JsonObject>;

  constructor(result: JsonObject, traceId: string) {
    this.content = listOf(result['content']).filter((block): block is ContentBlock => isObject(block) && typeof block['type'] === 'string');
    this.structuredContent = result['structuredContent'];
    this.isError = result['isError'] === true;
    this.meta = objectOf(result['_meta']);
    this.traceId = traceId;
    this.raw = result;
  }

  /** The text blocks, one a line. */
  get text(): string {
    return this.content.filter(({ type }) => type === 'text').map((block) => textOf(block['text']) ?? '').join('\n');
  }

  /** Itself, or ToolError where the tool says that it failed. */
  throwOnError(): this {
    if (this.isError) throw new ToolError(this);
    return this;
  }
}
