// What the system refused, in a person's words: where, why, and what to do. Node's own say `EACCES: permission denied, mkdir '…'`.

const WORDS: Readonly<Record<string, readonly [string, string]>> = {
  EACCES: ['permission is denied', 'Run as the user that owns it, the one the gateway runs as.'],
  EPERM: ['permission is denied', 'Run as the user that owns it, the one the gateway runs as.'],
  EROFS: ['it is on a read-only file system', 'Make that writable, or name another state folder (state_dir).'],
  ENOSPC: ['the disk is full', 'Free space there, then try again.'],
  EMFILE: ['this process has as many files open as it may', 'Raise its limit (ulimit -n, LimitNOFILE), to 4096 at least.'],
  ENFILE: ['the system has as many files open as it may', 'Raise its limit (fs.file-max), or end what holds so many.'],
  EDQUOT: ['the disk quota is used up', 'Free space there, then try again.'],
};

/** Of Node's own words for a native package that was compiled for another Node: its file. */
const OTHER_NODE = /^The module '(.*)'\s+was compiled against a different Node\.js version/;

/** Undefined for what is not the system's, or needs no other words. Of a write by its descriptor node does not say the file. */
export function describeSystemFault(fault: unknown): { readonly message: string; readonly remedy: string } | undefined {
  if (!(fault instanceof Error) || !('code' in fault)) return undefined;
  if (fault.code === 'ERR_DLOPEN_FAILED') return describeAddon(fault.message);
  if (!('syscall' in fault)) return undefined;
  const [why, remedy] = WORDS[String(fault.code)] ?? [];
  if (why === undefined || remedy === undefined) return undefined;
  const path = 'path' in fault && typeof fault.path === 'string' ? fault.path : undefined;
  return { message: path === undefined ? `can't ${String(fault.syscall)}: ${why} (${String(fault.code)}).` : `${path}: can't ${String(fault.syscall)}, ${why} (${String(fault.code)}).`, remedy };
}

function describeAddon(words: string): ReturnType<typeof describeSystemFault> {
  const file = OTHER_NODE.exec(words)?.[1];
  if (file === undefined) return undefined;
  return { message: `${file}: built for another Node than this one, ${process.versions.node}.`, remedy: 'Run make up (or node scripts/setup.mjs) with this Node, or go back to the one that did.' };
}
