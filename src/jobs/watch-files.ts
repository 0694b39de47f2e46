// Notices that files changed: names and times are compared twice a second, because notifications differ between systems and editors replace files.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const INTERVAL_MS = 400; // a valid change must be active within a second
const DEPTH_MAX = 16; // policy folders are shallow; a link loop ends here

export interface FileWatch {
  stop(): void;
}

/** How each path is now. */
export type FileMarks = ReadonlyMap<string, string>;

/** `paths` are files or folders (recursive). Taken before they are read, so that no change after the reading is missed. */
export function markFiles(paths: readonly string[]): FileMarks {
  return new Map(paths.map((path) => [path, markOf(path, 0)]));
}

/** `changed` is told which of `marked` is no longer as it was. */
export function watchFiles(marked: FileMarks, changed: (path: string) => void, every: (ms: number, tick: () => void) => () => void): FileWatch {
  const marks = new Map(marked);
  const stop = every(INTERVAL_MS, () => {
    for (const path of marks.keys()) {
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
