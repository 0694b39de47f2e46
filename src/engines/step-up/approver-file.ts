// Files of approver keys: opened so that a link, another owner or a loose mode is refused, and written so that nobody else can read them.
import { closeSync, constants, fstatSync, fsyncSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { StepUpFault } from './fault.js';

const FILE_BYTES_MAX = 16 * 1024; // a PEM key has a few hundred bytes
const GROUP_OR_OTHERS_WRITE = 0o022;
const GROUP_OR_OTHERS_ANY = 0o077;

/** `secret`: nobody else may read it either. Undefined if there is no such file. Throws StepUpFault. */
export function readOwnFile(path: string, secret: boolean): string | undefined {
  const fd = openOwn(path);
  if (fd === undefined) return undefined;
  try {
    const stat = fstatSync(fd);
    const refusedBits = secret ? GROUP_OR_OTHERS_ANY : GROUP_OR_OTHERS_WRITE;
    const isOthers = process.getuid !== undefined && stat.uid !== process.getuid();
    if (!stat.isFile() || stat.size > FILE_BYTES_MAX) throw unsafe(path, 'is no key file');
    if (isOthers) throw unsafe(path, 'belongs to another user');
    if ((stat.mode & refusedBits) !== 0) throw unsafe(path, `has mode ${(stat.mode & 0o777).toString(8)}`);
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

/** Never overwrites: throws node's EEXIST. */
export function writeNewFile(path: string, text: string, mode: number): void {
  const fd = openSync(path, 'wx', mode);
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
  } catch (error) {
    rmSync(path, { force: true }); // on a full disk: half a file would take the name
    throw error;
  } finally {
    closeSync(fd);
  }
}

function openOwn(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unsafe(path, 'cannot be opened, or is a link');
  }
}

function unsafe(path: string, what: string): StepUpFault {
  return new StepUpFault('approver_unsafe', `${path} ${what}.`, 'It must be a regular file of the gateway\'s user that nobody else can write; keys (.key) have mode 600.');
}
