// A file that was named and can't be read: why, in a person's words, and what to do.
import { CliFailure } from './failure.js';

const REASONS: Readonly<Record<string, readonly [why: string, remedy: string, code: string]>> = {
  ENOENT: ['there is no such file', 'Check the path.', 'not_found'],
  ENOTDIR: ['there is no such file', 'Check the path.', 'not_found'],
  EISDIR: ['it is a folder', 'Name a file in it.', 'usage'],
  EACCES: ['permission is denied', 'Run as a user who may read it.', 'not_permitted'],
  ELOOP: ['its symbolic links lead in a ring', 'Name the file itself.', 'not_found'],
};

/** `named`: the file, with the option that named it. `remedy`: where one is better than what the reason has. */
export function unreadable(named: string, fault: unknown, remedy?: string): CliFailure {
  const system = (fault as NodeJS.ErrnoException).code ?? String(fault);
  const [why, usual, code] = REASONS[system] ?? [];
  return new CliFailure(`${named} cannot be read (${why === undefined ? '' : `${why}, `}${system}).`, { remedy: remedy ?? usual, code });
}
