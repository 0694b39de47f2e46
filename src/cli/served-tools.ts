// What a tool server serves now, listed by the CLI itself: before a tool is registered the gateway knows nothing of it.
import { systemClock } from '../base/clock/clock.js';
import { loadJsonGuard } from '../base/json/choose.js';
import { createToolsReader, type ToolsReader } from '../engines/registry/served-tools.js';
import type { ServedTool } from '../engines/registry/types.js';
import { createUpstreamClient, parseUpstreamUrl } from '../upstream/http-client.js';
import { listTools } from '../upstream/tool-lister.js';
import { CliFailure } from './failure.js';

const LIST_TIMEOUT_MS = 15_000; // a person waits; longer than the gateway's own limit, so that a slow server can be named as such
const CONNECT_TIMEOUT_MS = 5_000;

/** Throws CliFailure that names the server. */
export async function servedBy(url: string): Promise<readonly ServedTool[]> {
  const parsed = parseUpstreamUrl(url);
  if (typeof parsed === 'string') throw new CliFailure(`${parsed}: ${url}`, { remedy: 'Write http://host:port/mcp' });
  const client = createUpstreamClient({ connectTimeoutMs: CONNECT_TIMEOUT_MS, connectionsMax: 1 });
  const reader = toolsReader();
  try {
    const listing = await listTools(client, url, {
      timeoutMs: LIST_TIMEOUT_MS,
      clientInfo: { name: 'agw', version: '0.1.0' },
      parseToolsList: (bytes) => reader.parseToolsList(bytes),
      monotonicMs: systemClock.monotonicMs,
    });
    return listing.tools;
  } catch (error) {
    throw new CliFailure(`${url} did not list its tools: ${error instanceof Error ? error.message : String(error)}.`, { remedy: 'Is the server running, and is this its MCP endpoint?', code: 'upstream_unavailable' });
  } finally {
    await client.close();
  }
}

export function toolsReader(): ToolsReader {
  return createToolsReader(loadJsonGuard());
}
