// Lists what an upstream serves, for the registry's verification: all pages, in a session of its own that is closed again.
import type { ServedTool } from '../engines/registry/types.js';
import { askInSession, discover, endSession, initialize, type Greeting, type UpstreamSession } from './handshake.js';
import { AskFault } from './message-reader.js';
import type { UpstreamClient } from './types.js';

/** Some servers show a tool only to clients that could answer its questions: a listing must see them all. It is over before any question comes. */
const LISTING_CAPABILITIES = { sampling: {}, elicitation: {}, roots: {} } as const;
const PAGES_MAX = 200; // a server that always names a next page must end somewhere
const LIST_BYTES_MAX = 32 * 1024 * 1024; // all pages together
const DISCOVER_SHARE = 0.5; // of the time: an old server may leave the probe unanswered, and must still be listed

interface ToolsPage {
  readonly tools: readonly ServedTool[];
  readonly nextCursor: string | undefined;
}

export interface ListOptions {
  /** For the whole listing, all pages. */
  readonly timeoutMs: number;
  readonly clientInfo: { readonly name: string; readonly version: string };
  /** engines/registry's reader: the bytes are checked by the JSON guard before anything is read from them. Its faults reject the listing. */
  readonly parseToolsList: (bytes: Uint8Array) => ToolsPage | Promise<ToolsPage>;
  readonly monotonicMs: () => number;
}

export interface ToolListing extends UpstreamSession {
  readonly tools: readonly ServedTool[];
}

/** Rejects with AskFault. */
export async function listTools(client: UpstreamClient, url: string, options: ListOptions): Promise<ToolListing> {
  const greeting: Greeting = { client, url, clientInfo: options.clientInfo, answerBytesMax: LIST_BYTES_MAX, capabilities: LISTING_CAPABILITIES };
  const endsMs = options.monotonicMs() + options.timeoutMs;
  const leftMs = (): number => {
    const left = Math.ceil(endsMs - options.monotonicMs());
    if (left <= 0) throw new AskFault('timeout', `the listing took longer than ${options.timeoutMs} ms`);
    return left;
  };
  const session = await greet(greeting, options.timeoutMs * DISCOVER_SHARE, leftMs);
  try {
    return { ...session, tools: await listPages(greeting, session, options, leftMs) };
  } finally {
    await endSession(greeting, session);
  }
}

async function greet(greeting: Greeting, discoverMs: number, leftMs: () => number): Promise<UpstreamSession> {
  try {
    const modern = await discover(greeting, Math.max(1, Math.floor(discoverMs)));
    if (modern !== undefined) return modern;
  } catch (error) {
    if (!(error instanceof AskFault) || error.kind !== 'timeout') throw error;
  }
  return initialize(greeting, leftMs());
}

async function listPages(greeting: Greeting, session: UpstreamSession, { parseToolsList }: ListOptions, leftMs: () => number): Promise<ServedTool[]> {
  const tools: ServedTool[] = [];
  let cursor: string | undefined;
  let bytes = 0;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const answer = await askInSession(greeting, session, page + 2, 'tools/list', cursor === undefined ? {} : { cursor }, leftMs());
    bytes += answer.bytes.length;
    if (bytes > LIST_BYTES_MAX) throw new AskFault('too_large', `its tool list has more than ${LIST_BYTES_MAX} bytes`, { status: answer.status });
    const read = await readPage(answer.bytes, answer.status, parseToolsList);
    tools.push(...read.tools);
    if (read.nextCursor === undefined) return tools;
    cursor = read.nextCursor;
  }
  throw new AskFault('too_large', `its tool list has more than ${PAGES_MAX} pages`);
}

async function readPage(bytes: Uint8Array, status: number, parseToolsList: ListOptions['parseToolsList']): Promise<ToolsPage> {
  try {
    return await parseToolsList(bytes);
  } catch (error) {
    throw new AskFault('not_mcp', error instanceof Error ? error.message : 'its tool list is not readable', { status });
  }
}
