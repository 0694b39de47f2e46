// Notices that files changed: names and times are compared twice a second, because notifications differ between systems and editors replace files.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const INTERVAL_MS = 400; // a valid change must be active within a second
const DEPTH_MAX = 16; // policy folders are shallow; a link loop ends here

export interface FileWatch {
  stop(): void;
}

/** `paths` are files or folders (recursive); `changed` is told which of them. */
export function watchFiles(paths: readonly string[], changed: (path: string) => void, every: (ms: number, tick: () => void) => () => void): FileWatch {
  const marks = new Map(paths.map((path) => [path, markOf(path, 0)]));
  const stop = every(INTERVAL_MS, () => {
    for (const path of paths) {
      const mark = markOf(path, 0);
      if (mark === marks.get(path)) continue;
      marks.set(path, mark);
      changed(path);
    }
  });
  return { stop };
}

function markOf(path: string, depth: number): string {
  try {
    const stat = statSync(path, { bigint: true });
    if (!stat.isDirectory()) return `${stat.ino} ${stat.mtimeNs} ${stat.size}`;
    if (depth >= DEPTH_MAX) return '';
    return readdirSync(path).sort().map((name) => `${name} ${markOf(join(path, name), depth + 1)}`).join('\n');
  } catch {
    return 'absent';
  }
}
