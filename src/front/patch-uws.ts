// Retargets the uWebSockets.js binary for glibc 2.36 and 2.37: three C23 number parsers, newer than those libraries, become their classic names.
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeSystemFault } from '../base/config/system-fault.js';
import { hashFile } from '../base/crypto/hash-file.js';
import { makeFolder } from '../base/store/make-folder.js';

/** What 20.56.0 ships and what the patch must make of it (SHA-256). Anything else is refused: no unknown native code is loaded. */
const KNOWN_BINARIES: Readonly<Record<string, { readonly shipped: string; readonly patched: string }>> = {
  'uws_linux_x64_115.node': {
    shipped: '3c4cfd4f4673c591dbca82cdda94f7e0ad9bc298966c39a7bd259838c2b25d4f',
    patched: '8b6e84640fd437f4dd6316b62bb11d727c6ffe38a38bac024daf6066be401ba6',
  },
  'uws_linux_x64_127.node': {
    shipped: '0e0af5d0e486b67e25dd5c6686f8f05be4504629404d5c1972c808ab5d8e4cc2',
    patched: '4e97fa62845b84d0cdeab02d042f4af719aab0dc22300a80ac07a1f66f69986f',
  },
  'uws_linux_x64_137.node': {
    shipped: '9aa8b857ac4ab0bfb1245e948eeeacc904b13a3608c9a281d551c43c66bea66e',
    patched: 'f8be978bcb627fec26a7e3c7711dadd52fc60c2ed74880b2e2004c066857e183',
  },
  'uws_linux_arm64_115.node': {
    shipped: '5f179165f9ade910999ce8724d71ecdcc4f7e1b944053683d98bfda62665e081',
    patched: '4fbb9b8646c7ae878c748868caa5426cb5270df9dda43940d364cad29fc39472',
  },
  'uws_linux_arm64_127.node': {
    shipped: 'db310856b4d36b2b6e83888c9faa87ccd65454e6157f457bf9cb4ebabaed7a65',
    patched: 'd2172ae1986d305439e238a19505d29a9fa572539337fecafbf1f9e5dc930224',
  },
  'uws_linux_arm64_137.node': {
    shipped: 'ad0ffb42a119ee022ba1fc752d942e5a19b863ce47bfdc909cd1d5bc1363a7a6',
    patched: '8f350e417e57a9434a38896145d544f727334832b1bcef339b97895bd3682414',
  },
};

const C23_PREFIX = '__isoc23_';
const C23_VERSION = 'GLIBC_2.38';
/** The oldest version each architecture's glibc has, under which strtol, strtoul and sscanf are exported. */
const CLASSIC_VERSIONS: readonly string[] = ['GLIBC_2.2.5', 'GLIBC_2.17'];

const SHT_DYNSYM = 11;
const SHT_GNU_VERNEED = 0x6ffffffe;
const SHT_GNU_VERSYM = 0x6fffffff;
const SYMBOL_BYTES = 24;

interface Section {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
}

export class UwsBinaryError extends Error {
  override readonly name = 'UwsBinaryError';
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function readSections(elf: Buffer): Section[] {
  const isElf64Little = elf.length > 64 && elf.readUInt32BE(0) === 0x7f454c46 && elf[4] === 2 && elf[5] === 1;
  if (!isElf64Little) throw new UwsBinaryError('not a 64-bit little-endian ELF file');
  const table = Number(elf.readBigUInt64LE(40));
  const entryBytes = elf.readUInt16LE(58);
  return Array.from({ length: elf.readUInt16LE(60) }, (_, index) => {
    const at = table + index * entryBytes;
    return {
      type: elf.readUInt32LE(at + 4),
      offset: Number(elf.readBigUInt64LE(at + 24)),
      size: Number(elf.readBigUInt64LE(at + 32)),
      link: elf.readUInt32LE(at + 40),
      info: elf.readUInt32LE(at + 44),
    };
  });
}

function sectionOf(sections: readonly Section[], type: number): Section {
  const found = sections.find((section) => section.type === type);
  if (found === undefined) throw new UwsBinaryError(`ELF section of type 0x${type.toString(16)} is missing`);
  return found;
}

function readCString(elf: Buffer, at: number): string {
  return elf.toString('latin1', at, elf.indexOf(0, at));
}

/** Offsets of libc's vernaux entries (16 bytes: hash, flags, index, name, next) by version name. */
function readLibcVersions(elf: Buffer, needs: Section, strings: number): Map<string, number> {
  const versions = new Map<string, number>();
  let need = needs.offset;
  for (let file = 0; file < needs.info; file += 1) {
    const isLibc = readCString(elf, strings + elf.readUInt32LE(need + 4)) === 'libc.so.6';
    let entry = need + elf.readUInt32LE(need + 8);
    for (let left = elf.readUInt16LE(need + 2); left > 0; left -= 1) {
      if (isLibc) versions.set(readCString(elf, strings + elf.readUInt32LE(entry + 8)), entry);
      entry += elf.readUInt32LE(entry + 12);
    }
    need += elf.readUInt32LE(need + 12);
  }
  return versions;
}

/** Returns a copy in which no symbol asks for GLIBC_2.38; the renamed functions differ only in reading binary literals. */
export function retargetToClassicGlibc(shipped: Uint8Array): Buffer {
  const elf = Buffer.from(shipped);
  const sections = readSections(elf);
  const symbols = sectionOf(sections, SHT_DYNSYM);
  const symbolVersions = sectionOf(sections, SHT_GNU_VERSYM);
  const strings = sections[symbols.link]?.offset;
  if (strings === undefined) throw new UwsBinaryError('ELF string table is missing');
  const versions = readLibcVersions(elf, sectionOf(sections, SHT_GNU_VERNEED), strings);
  const c23 = versions.get(C23_VERSION);
  if (c23 === undefined) return elf;
  const classic = CLASSIC_VERSIONS.map((version) => versions.get(version)).find((entry) => entry !== undefined);
  if (classic === undefined) throw new UwsBinaryError(`no classic glibc version to retarget ${C23_VERSION} to`);

  const c23Index = elf.readUInt16LE(c23 + 6);
  const classicIndex = elf.readUInt16LE(classic + 6);
  for (let index = 1; index < symbols.size / SYMBOL_BYTES; index += 1) {
    const versionAt = symbolVersions.offset + 2 * index;
    if (elf.readUInt16LE(versionAt) !== c23Index) continue;
    const nameAt = symbols.offset + SYMBOL_BYTES * index;
    const name = elf.readUInt32LE(nameAt);
    if (!readCString(elf, strings + name).startsWith(C23_PREFIX)) {
      throw new UwsBinaryError(`${readCString(elf, strings + name)} needs ${C23_VERSION} and has no classic name`);
    }
    // The classic name is the tail of the same string.
    elf.writeUInt32LE(name + C23_PREFIX.length, nameAt);
    elf.writeUInt16LE(classicIndex, versionAt);
  }
  elf.writeUInt32LE(elf.readUInt32LE(classic), c23);
  elf.writeUInt32LE(elf.readUInt32LE(classic + 8), c23 + 8);
  return elf;
}

function hashIfThere(file: string): string | undefined {
  try {
    return hashFile(file);
  } catch {
    return undefined;
  }
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

/** Renamed into place, so that another thread or process never loads half a file, and a copy that is in use keeps its inode. */
function writeAtomically(file: string, bytes: Uint8Array, cacheDir: string): void {
  const scratch = mkdtempSync(join(cacheDir, '.uws-'));
  try {
    const whole = join(scratch, 'whole');
    writeFileSync(whole, bytes, { mode: 0o600 });
    renameSync(whole, file);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** What the system refuses is said here, with the file: a thread's fault reaches whoever started it as its text alone. */
function keep(target: string, bytes: Uint8Array, cacheDir: string): void {
  try {
    makeFolder(cacheDir, 0o700);
    writeAtomically(target, bytes, cacheDir);
  } catch (fault) {
    const said = describeSystemFault(fault instanceof Error && !('path' in fault) ? Object.assign(fault, { path: target }) : fault);
    throw said === undefined ? fault : new UwsBinaryError(`${said.message} ${said.remedy}`);
  }
}

/** Path of the patched copy in `cacheDir`, made when it is absent or damaged. Throws UwsBinaryError for any binary not in the table. */
export function patchUws(packageDir: string, fileName: string, cacheDir: string): string {
  const known = Object.hasOwn(KNOWN_BINARIES, fileName) ? KNOWN_BINARIES[fileName] : undefined;
  if (known === undefined) {
    throw new UwsBinaryError(`${fileName}: no patch is known for this Node version and processor on glibc below 2.38. Use Node 20, 22 or 24 on x64 or arm64, or a system with glibc 2.38 or newer.`);
  }
  const target = join(cacheDir, `patched_${fileName}`);
  const cached = hashIfThere(target);
  if (cached !== undefined && cached === known.patched) return target;

  const source = join(packageDir, fileName);
  const shipped = readIfThere(source);
  if (shipped === undefined) throw new UwsBinaryError(`${source}: can't be read. Run npm ci.`);
  if (sha256(shipped) !== known.shipped) {
    throw new UwsBinaryError(`${source}: not the binary of uWebSockets.js 20.56.0 (SHA-256 differs), so it is neither patched nor loaded. Run npm ci to restore it.`);
  }
  const patched = retargetToClassicGlibc(shipped);
  if (sha256(patched) !== known.patched) throw new UwsBinaryError(`${source}: the patch gave unexpected bytes; nothing is loaded.`);
  keep(target, patched, cacheDir);
  return target;
}
