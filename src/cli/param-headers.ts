// Arguments that a tool's schema wants repeated in headers (2026-07-28, basic/transports, custom headers from tool parameters).
import { encodeMirroredHeader } from '../mcp/header-mirror.js';
import { member, recordOf, textOf } from './reading.js';

const MARK = 'x-mcp-header';
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/;
const DEPTH_MAX = 16; // of objects in objects; only what is reached by `properties` alone counts

/** Header → value, for the marked properties that are given; absent and null ones have none. */
export function paramHeaders(inputSchema: unknown, given: unknown, depth = 0): Record<string, string> {
  if (depth > DEPTH_MAX) return {};
  const found = Object.entries(recordOf(member(inputSchema, 'properties'))).map(([name, schema]): Record<string, string> => {
    const value = member(given, name);
    const mark = textOf(schema, MARK);
    if (TOKEN.test(mark) && isPrimitive(value)) return { [`mcp-param-${mark.toLowerCase()}`]: encodeMirroredHeader(String(value)) };
    return paramHeaders(schema, value, depth + 1);
  });
  return Object.assign({}, ...found) as Record<string, string>;
}

function isPrimitive(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
