// The gateway's tools for the Vercel AI SDK (`ai`): each call goes through the gateway, and the model reads why one was refused.
import { dynamicTool, jsonSchema, type ToolSet } from 'ai';
import type { GatewayClient } from './client.js';
import { GatewayError, PrecinctError, remedyOf } from './gateway-error.js';
import { isObject, objectOf, textOf, type JsonObject } from './json.js';
import type { Tool } from './operations.js';
import type { CallOptions } from './options.js';
import type { GatewaySession } from './session.js';
import { ToolResult, type ContentBlock } from './tool-result.js';

export interface GatewayToolsOptions extends Pick<CallOptions, 'timeout' | 'waitForApproval' | 'onApprovalRequested' | 'meta'> {
  /** Which of the tools that the gateway lists for this caller are given to the model; default: all. */
  readonly only?: readonly string[] | ((tool: Tool) => boolean) | undefined;
}

/** What a refused tool call throws: its message is what the model reads, its cause the refusal. */
export class RefusedToolCall extends PrecinctError {
  override readonly name: string = 'RefusedToolCall';
  /** Not enumerable, like any error's. */
  declare readonly cause: GatewayError;

  constructor(refusal: GatewayError) {
    super(refusalText(refusal));
    Object.defineProperty(this, 'cause', { value: refusal, enumerable: false });
  }
}

const OTHER_CHARACTERS = /[^A-Za-z0-9_-]/g; // what providers take in the name of a tool
const NAME_CHARS_MAX = 64;

/** `tools` for generateText, streamText and agents. Names that no provider takes are changed: `db.query` is `db_query`. */
export async function gatewayTools(gateway: GatewayClient | GatewaySession, options: GatewayToolsOptions = {}): Promise<ToolSet> {
  const { only, ...callOptions } = options;
  const tools: ToolSet = {};
  for (const tool of await gateway.listTools()) {
    if (only === undefined || (typeof only === 'function' ? only(tool) : only.includes(tool.name))) tools[freeName(tool.name, tools)] = asDynamicTool(gateway, tool, callOptions);
  }
  return tools;
}

function asDynamicTool(gateway: GatewayClient | GatewaySession, { name, description, inputSchema }: Tool, options: CallOptions): ToolSet[string] {
  return dynamicTool({
    ...(description === undefined ? {} : { description }),
    inputSchema: jsonSchema({ type: 'object', ...inputSchema }),
    execute: async (input, { abortSignal }) => {
      try {
        return (await gateway.callTool(name, objectOf(input), { ...options, signal: abortSignal })).raw;
      } catch (error) {
        throw error instanceof GatewayError ? new RefusedToolCall(error) : error;
      }
    },
    toModelOutput: ({ output }) => {
      const result = new ToolResult(objectOf(output), '');
      return { type: result.isError ? 'error-text' : 'text', value: modelText(result) };
    },
  });
}

/** Text as it is; of other content, what it is. */
function modelText({ content, structuredContent }: ToolResult): string {
  if (content.length === 0) return structuredContent === undefined ? '' : JSON.stringify(structuredContent);
  return content.map((block) => (block.type === 'text' ? textOf(block['text']) ?? '' : described(block))).join('\n');
}

function described(block: ContentBlock): string {
  const resource = isObject(block['resource']) ? block['resource'] : {};
  const text = textOf(resource['text']);
  if (text !== undefined) return text;
  const facts = [block['mimeType'], resource['mimeType'], block['uri'], resource['uri']].filter((fact) => typeof fact === 'string');
  return `[${[block.type, ...facts].join(' ')}]`;
}

function refusalText(refusal: GatewayError): string {
  const { code, message, details, decisionId } = refusal;
  const remedy = remedyOf(refusal);
  const reason = textOf((details as JsonObject | undefined)?.['reason']);
  return [
    `The gateway refused this call (${code}): ${message}`, ...(reason === undefined ? [] : [`Reason: ${reason}.`]), ...(remedy === undefined ? [] : [`What would help: ${remedy}`]),
    ...(decisionId === undefined ? [] : [`Decision: ${decisionId}`]),
  ].join('\n');
}

function freeName(name: string, taken: ToolSet): string {
  const plain = name.replaceAll(OTHER_CHARACTERS, '_').slice(0, NAME_CHARS_MAX) || '_';
  let free = plain;
  for (let n = 2; Object.hasOwn(taken, free); n += 1) free = `${plain.slice(0, NAME_CHARS_MAX - String(n).length - 1)}_${n}`;
  return free;
}
