// Notices that files changed: names and times are compared, because notifications differ between systems and editors replace files.
// The time of the inode's last change is among them: nobody can set it back, as `cp -p` and `rsync` do with a file's own, and a change of its mode sets it alone.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isRuleFile } from './read-sources.js';

const INTERVAL_MS = 250; // with LOOKS_MAX: a valid change must be active within a second
const LOOKS_MAX = 3; // a file that never comes to rest holds up no other for longer
const FOLDER = 'folder';
const ABSENT = 'absent';

export interface FileWatch {
  stop(): void;
}

/** How each path is now. */
export type FileMarks = ReadonlyMap<string, string>;

/** `paths` are files, or folders of rule files: of one only what a reload reads counts, not what editors and git keep beside. Taken before they are read, so that no change after the reading is missed. */
export function markFiles(paths: readonly string[]): FileMarks {
  return new Map(paths.map((path) => [path, markOf(path)]));
}

/**
 * `changed` is told which of `marked` are no longer as they were, once two looks found all of them the same: many editors and
 * `cp` empty a file and fill it in place, and the half of a rule file is a valid file of fewer rules. What changed together is told at once.
 */
export function watchFiles(marked: FileMarks, changed: (paths: readonly string[]) => void, every: (ms: number, tick: () => void) => () => void): FileWatch {
  const told = new Map(marked);
  let last: FileMarks = marked;
  let waited = 0;
  const stop = every(INTERVAL_MS, () => {
    const now = markFiles([...told.keys()]);
    const atRest = [...now].every(([path, mark]) => mark === last.get(path));
    last = now;
    if (!atRest && ++waited < LOOKS_MAX) return;
    waited = 0;
    const paths = [...now].filter(([path, mark]) => mark !== told.get(path)).map(([path]) => path);
    if (paths.length === 0) return;
    for (const [path, mark] of now) told.set(path, mark);
    changed(paths);
  });
  return { stop };
}

function markOf(path: string): string {
  const mark = markOfFile(path);
  if (mark !== FOLDER) return mark;
  try {
    return [FOLDER, ...readdirSync(path).filter(isRuleFile).sort().map((name) => `${name} ${markOfFile(join(path, name))}`)].join('\n');
  } catch {
    return ABSENT;
  }
}

function markOfFile(path: string): string {
  try {
    const stat = statSync(path, { bigint: true });
    return stat.isDirectory() ? FOLDER : `${stat.ino} ${stat.ctimeNs} ${stat.mtimeNs} ${stat.size}`;
  } catch {
    return ABSENT;
  }
}
