// Refusals of a crowd: where a line is shared already, one more refusal is a count in it and an answer rendered before. Nothing else is made of the
// request, because under overload thousands of them come each second, and wait up to a second or more.
import { sourceOf } from '../base/text/source-of.js';
import type { Inbound, Reply } from '../front/types.js';
import { isMcpClient } from '../mcp/accept.js';
import { renderRefusal, type RenderedRefusal } from '../mcp/errors.js';
import type { ChainStats } from './stats.js';
import type { Sharing, SharedLines } from './unidentified.js';
import { deny, type Deny } from './verdict.js';

export interface CrowdServices {
  readonly sharedLines: SharedLines;
  readonly stats: ChainStats;
  readonly resourceMetadataUrl: string;
}

export interface Crowd {
  /** False = there is no line to share: the request needs its own way out. The answer names the decision of the line that counts it. */
  refuse(refusal: Deny, inbound: Inbound, reply: Reply, nowMs: number, docsBaseUrl: string): boolean;
}

/** Lines are shared per code and reason, so that a count says what it counts. */
export function sharingKind(code: string, reasonCode: string | undefined): string {
  return reasonCode === undefined ? code : `${code} ${reasonCode}`;
}

export function createCrowd(services: CrowdServices): Crowd {
  /** Two for each line: MCP clients are answered in another shape. */
  const answers = new WeakMap<Sharing, { readonly flat: RenderedRefusal; readonly mcp: RenderedRefusal }>();

  const render = (refusal: Deny, { line }: Sharing, mcpClient: boolean, docsBaseUrl: string): RenderedRefusal =>
    renderRefusal(refusal, { decisionId: line.decisionId, traceId: line.traceId, idText: undefined, isMcpClient: mcpClient, resourceMetadataUrl: services.resourceMetadataUrl, docsBaseUrl });

  return {
    refuse(refusal, inbound, reply, nowMs, docsBaseUrl) {
      const sharing = services.sharedLines.open(sourceOf(inbound.evidence.ip), sharingKind(refusal.code, refusal.reasonCode), nowMs);
      if (sharing === undefined) return false;
      let known = answers.get(sharing);
      if (known === undefined) {
        known = { flat: render(refusal, sharing, false, docsBaseUrl), mcp: render(refusal, sharing, true, docsBaseUrl) };
        answers.set(sharing, known);
      }
      const mcpClient = isMcpClient(inbound.headers.accept);
      const answer = mcpClient ? known.mcp : known.flat;
      services.stats.countUnreached(refusal.code);
      sharing.waiting.push((error) => {
        const said = error === undefined ? answer : render(deny('audit_unavailable_fail_closed'), sharing, mcpClient, docsBaseUrl);
        reply.send(said.status, said.headers, said.body);
      });
      return true;
    },
  };
}
