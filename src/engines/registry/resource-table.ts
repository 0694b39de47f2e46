// Registered resources: one URI, a template or a prefix an entry; which entry a URI falls under.
import type { RegisteredTool, ResourceTable } from './types.js';
import { parseUriTemplate, type UriTemplate } from './uri-template.js';

export interface ResourceEntry {
  readonly by: 'uri' | 'uri_template' | 'uri_prefix';
  readonly registered: RegisteredTool;
}

export function createResourceTable(entries: readonly ResourceEntry[]): ResourceTable {
  const of = (by: ResourceEntry['by']): RegisteredTool[] => entries.filter((entry) => entry.by === by).map(({ registered }) => registered);
  const byName = (registered: readonly RegisteredTool[]): ReadonlyMap<string, RegisteredTool> => new Map(registered.map((one) => [one.name, one]));
  const exact = byName(of('uri'));
  const byTemplate = byName(of('uri_template'));
  const templates = of('uri_template').flatMap((registered): { registered: RegisteredTool; template: UriTemplate }[] => {
    const template = parseUriTemplate(registered.name);
    return template === undefined ? [] : [{ registered, template }];
  });
  const prefixes = of('uri_prefix').sort((a, b) => b.name.length - a.name.length);
  return Object.freeze({
    find: (uri: string) => exact.get(uri) ?? templates.find(({ template }) => template.matches(uri))?.registered ?? prefixes.find(({ name }) => uri.startsWith(name)),
    // A template whose fixed beginning lies within a registered prefix gives only URIs of that prefix.
    findTemplate: (template: string) => byTemplate.get(template) ?? prefixes.find(({ name }) => template.startsWith(name)),
    hasPatterns: templates.length + prefixes.length > 0,
    entries: Object.freeze(entries.map(({ registered }) => registered)),
  });
}

const DECODINGS_MAX = 3; // a server that decodes more often than this is not one that reads URIs
/** White space at an end is trimmed, control characters are dropped, \ is read as / by some parsers. */
const READ_OTHERWISE = /^\s|\s$|\p{Cc}|\\/u;
/** Control characters, those that need no encoding (RFC 3986, 2.3: letters, digits and -._~), and bytes that begin nothing but overlong UTF-8. */
const NEEDLESSLY_ENCODED = /%(?:[01][0-9a-f]|2[de]|3\d|[46][1-9a-f]|5[0-9af]|7[0-9aef]|c[01])/i;
const DOT_SEGMENT = /(?:^|[/\\])\.{1,2}(?:[/\\?#;]|$)/;

/** Another reader may take it for another URI than its text says, also after decoding it more than once. */
export function hasOtherReading(uri: string): boolean {
  if (READ_OTHERWISE.test(uri) || hasDotSegments(uri)) return true;
  let text = uri;
  for (let n = 0; n < DECODINGS_MAX; n += 1) {
    if (NEEDLESSLY_ENCODED.test(text)) return true;
    const decoded = text.replaceAll('%25', '%');
    if (decoded === text) return false;
    text = decoded;
  }
  return true;
}

/** As a reader has it that decodes dividers and takes several for one. */
export function withPlainDividers(uri: string): string {
  return uri.replace(/%(?:2f|5c)/gi, '/').replace(/(?<=[^:/]|:\/\/)\/{2,}/g, '/');
}

/** It has a segment that some servers read as "the folder above", also percent-encoded: it may mean a place that it does not name. */
export function hasDotSegments(uri: string): boolean {
  let text = uri;
  for (let n = 0; n < DECODINGS_MAX; n += 1) {
    if (DOT_SEGMENT.test(text)) return true;
    const decoded = text.replace(/%(2e|2f|5c|25|3f|23|3b)/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
    if (decoded === text) return false;
    text = decoded;
  }
  return true;
}
