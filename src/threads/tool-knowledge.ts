// What this thread knows of the tool servers: the control thread's last observations, compared with what a server serves right now.
import { memberSpans } from '../base/json/spans.js';
import { ObservedStates, type ObservationSnapshot } from '../engines/registry/observations.js';
import { HASHED_MEMBERS } from '../engines/registry/served-tools.js';
import type { ServedTool } from '../engines/registry/types.js';
import { verifyServed, withoutMembers } from '../engines/registry/verify.js';
import type { ToolVerifier } from '../layers/05-tool-registry-verify.js';
import type { ToolKnowledge, UpstreamKnowledge } from '../terminals/services.js';
import type { UpstreamReport } from './messages.js';

export interface ThreadToolKnowledge extends ToolKnowledge, ToolVerifier {
  observe(observations: ObservationSnapshot, upstreams: readonly UpstreamReport[]): void;
}

export function createToolKnowledge(refresh: (upstream: string) => Promise<void>): ThreadToolKnowledge {
  let states = new ObservedStates({ states: [], upstreams: [] });
  let upstreams = new Map<string, UpstreamKnowledge>();
  let served = new Map<string, string>();

  return {
    observe(observations, reports) {
      states = new ObservedStates(observations);
      upstreams = new Map(reports.map((report) => [report.url, report]));
      served = new Map(observations.upstreams.flatMap(({ url, tools }) => tools.map((tool): [string, string] => [`${url} ${tool.name}`, tool.definitionHash])));
    },
    stateOf: (tool) => states.stateOf(tool),
    refresh,
    presentable(tool, now) {
      const state = states.stateOf(tool);
      if (state.kind === 'mismatch') return undefined;
      if (verifyServed(tool, now).kind === 'mismatch') {
        void refresh(tool.upstream).catch(() => undefined);
        return undefined;
      }
      if (served.get(`${tool.upstream} ${tool.servedName}`) === now.definitionHash && state.kind === 'verified') return withoutMembers(now.text, state.changedMembers);
      // Never seen like this: until the control thread has judged it, only the hashed members are known to be good.
      void refresh(tool.upstream).catch(() => undefined);
      return withoutMembers(now.text, otherMembers(now));
    },
    upstream: (url) => upstreams.get(url) ?? { url, state: 'unknown', modern: false, capabilities: {}, instructions: undefined },
  };
}

function otherMembers(tool: ServedTool): string[] {
  const bytes = Buffer.from(tool.text);
  return memberSpans(bytes, 0, bytes.length).map((member) => member.key).filter((key) => !HASHED_MEMBERS.includes(key));
}
