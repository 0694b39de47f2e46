// After a reload: what is known of the tool servers is judged by the new registry.
import type { Observations } from '../engines/registry/observations.js';
import type { ToolRegistry } from '../engines/registry/types.js';
import type { RegistryRefresh } from '../jobs/registry-refresh.js';

export interface JudgeParts {
  readonly observations: Pick<Observations, 'upstreams'>;
  readonly refresh: Pick<RegistryRefresh, 'refresh' | 'setRegistry'>;
  /** To all threads, as a change of tools. */
  readonly publish: () => void;
}

/** Each resolves when it is done, which takes as long as servers take to list. Registries follow one another as they came; one like its forerunner waits for nobody. */
export function createToolJudge({ observations, refresh, publish }: JudgeParts): (before: ToolRegistry, after: ToolRegistry) => Promise<void> {
  let turn: Promise<unknown> = Promise.resolve();
  return async (before, after) => {
    if (before.digest !== after.digest) {
      // By what is served now, not by a listing that is older than the change it accepts.
      const renewed = renewedUpstreams(before, after);
      const asked = observations.upstreams().filter(({ url, state }) => state === 'up' && renewed.has(url)).map(({ url }) => refresh.refresh(url));
      const mine = Promise.all([turn, ...asked]).then(() => refresh.setRegistry(after));
      turn = mine.catch(() => undefined);
      await mine;
    }
    publish();
    const rerouted = reroutedUpstreams(before, after);
    for (const { url, state } of observations.upstreams()) if (state === 'unknown' || rerouted.has(url)) void refresh.refresh(url);
  };
}

/** Upstreams with a tool whose registration is new or another than before. */
function renewedUpstreams(before: ToolRegistry, after: ToolRegistry): ReadonlySet<string> {
  const changed = [...after.tools.values()].filter((tool) => {
    const old = before.tools.get(tool.name);
    return old === undefined || old.hash !== tool.hash || old.upstream !== tool.upstream || old.servedName !== tool.servedName || old.definitionHash !== tool.definitionHash || old.hashAlg !== tool.hashAlg;
  });
  return new Set(changed.map((tool) => tool.upstream));
}

/** Those that are spoken to otherwise than before: what is known of them, a wrong key above all, was true of the old way. */
function reroutedUpstreams(before: ToolRegistry, after: ToolRegistry): ReadonlySet<string> {
  const wayTo = ({ servers }: ToolRegistry, upstream: string): string => JSON.stringify(servers.get(upstream)?.transport);
  return new Set(after.upstreams.filter((upstream) => before.upstreams.includes(upstream) && wayTo(before, upstream) !== wayTo(after, upstream)));
}
