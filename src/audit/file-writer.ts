// The one place that appends to the audit log: seals lines, writes, makes them durable, proves it, rotates; cuts back what failed.
import { chmodSync, closeSync, constants, existsSync, fdatasyncSync, fstatSync, fsyncSync, ftruncateSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../base/store/make-folder.js';
import type { ChainEnd, TornTail } from './chain-end.js';
import { endOfRotated, firstSeqOf, fsyncDir, moveTornTail, soundEnd } from './chain-end.js';
import { CURRENT_NAME, closeAll, openChain, rotatedName } from './chain-files.js';
import { CommitBuffer } from './commit-buffer.js';
import { OpenIntents, findOpenIntents, unresolvedFacts } from './intents.js';
import { eventLine, unresolvedLine } from './record.js';
import type { OpenLine } from './types.js';
import type { WriterLock } from './writer-lock.js';
import { lockAuditDir } from './writer-lock.js';

/** The calls whose failure decides whether a line counts; named so that a test can make the disk fail. */
export interface Disk {
  write(fd: number, bytes: Buffer, from: number): number;
  datasync(fd: number): void;
  truncate(fd: number, bytes: number): void;
}

export const REAL_DISK: Disk = { write: (fd, bytes, from) => writeSync(fd, bytes, from), datasync: fdatasyncSync, truncate: ftruncateSync };

export interface FileWriterOptions {
  readonly dir: string;
  readonly fileBytesMax: number;
  readonly nowUs: () => number;
  readonly disk: Disk;
}

const OPEN_FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;

export class FileWriter {
  readonly #options: FileWriterOptions;
  readonly #lock: WriterLock;
  readonly #path: string;
  readonly #commit = new CommitBuffer();
  #intents = new OpenIntents();
  #fd = -1;
  #inode = 0n;
  /** Length up to which everything is durable and acknowledged. */
  #bytes = 0;
  #firstSeq = 1;
  #end: ChainEnd;
  readonly torn: TornTail | undefined;
  /** Lines that the recovery of an earlier run's remains asks for; to be committed first. */
  readonly recovered: readonly OpenLine[];
  readonly unresolved: number;

  /** Locks the folder, finds the end of the chain, moves a torn tail aside. Throws what to tell the operator. */
  constructor(options: FileWriterOptions) {
    this.#options = options;
    this.#path = join(options.dir, CURRENT_NAME);
    makePrivateDir(options.dir);
    this.#lock = lockAuditDir(options.dir);
    try {
      this.#end = endOfRotated(options.dir);
      this.#openCurrent();
      this.torn = this.#takeUp();
      const lines = this.#resolveIntents();
      this.unresolved = lines.length;
      this.recovered = this.torn === undefined ? lines : [tornLine(options.nowUs(), this.torn), ...lines];
    } catch (error) {
      this.#closeCurrent();
      this.#lock.release();
      throw error;
    }
  }

  get end(): ChainEnd {
    return this.#end;
  }

  get path(): string {
    return this.#path;
  }

  openIntents(): string[] {
    return this.#intents.listed();
  }

  /** Makes the lines durable, all or none. After a throw only `recover` and `close` may be called. */
  commit(opens: readonly OpenLine[]): void {
    this.commitFrom((commit) => {
      for (const open of opens) commit.add(open);
    });
  }

  /** The same for the lines that `fill` puts into the commit; it is called again when the file is rotated before them. Returns how many lines there were. */
  commitFrom(fill: (commit: CommitBuffer) => void): number {
    const commit = this.#commit;
    commit.begin(this.#end);
    fill(commit);
    if (this.#bytes > 0 && this.#bytes + commit.bytes > this.#options.fileBytesMax) {
      const previous = rotatedName(this.#firstSeq);
      this.#rotate(previous);
      commit.begin(this.#end);
      commit.add(eventLine(this.#options.nowUs(), 'rotate', { previous_file: previous, open_intents: this.#intents.listed() }));
      fill(commit);
    }
    this.#write(commit.text);
    this.#options.disk.datasync(this.#fd);
    this.#proveLength(this.#bytes + commit.bytes);
    this.#bytes += commit.bytes;
    this.#end = commit.end;
    if (commit.hasIntents || this.#intents.any) for (const [line, seq] of commit.sealed()) this.#intents.note(line, seq);
    return commit.lines;
  }

  /** Cuts off what a failed commit may have left. False when the disk won't have it; `recover` tries again. */
  cutBack(): boolean {
    try {
      if (this.#fd === -1) return false;
      if (fstatSync(this.#fd).size > this.#bytes) this.#options.disk.truncate(this.#fd, this.#bytes); // never longer: zeros would cover what somebody cut
      fsyncSync(this.#fd);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * After a failure: opens the file anew, cuts it to the acknowledged length and checks that the last acknowledged line is what it ends with.
   * Throws while any of this can't be had. What was acknowledged was durable before; what failed was never acknowledged.
   */
  recover(): void {
    this.#closeCurrent();
    const ours = this.#inode;
    this.#openCurrent();
    const size = fstatSync(this.#fd).size;
    if (size < this.#bytes || (size > this.#bytes && this.#inode !== ours)) {
      this.#inode = ours; // the next try must know the stranger again
      throw this.#lost();
    }
    const end = this.#bytes === 0 ? endOfRotated(this.#options.dir) : soundEnd(this.#fd, this.#bytes, this.#path).end;
    if (end?.seq !== this.#end.seq || end.hash !== this.#end.hash) throw this.#lost(); // before anything is cut: it may be another file under our name
    if (size > this.#bytes) this.#options.disk.truncate(this.#fd, this.#bytes);
    fsyncSync(this.#fd);
    fsyncDir(this.#options.dir);
  }

  close(): void {
    this.#closeCurrent();
    this.#lock.release();
  }

  #openCurrent(): void {
    this.#fd = openSync(this.#path, OPEN_FLAGS, 0o600);
    const stat = fstatSync(this.#fd, { bigint: true });
    this.#inode = stat.ino;
    if (!stat.isFile()) throw new Error(`${this.#path}: not a regular file. Move it aside; the audit log must be one.`);
    if ((stat.mode & 0o077n) !== 0n) chmodSync(this.#path, 0o600);
    fsyncDir(this.#options.dir);
  }

  #closeCurrent(): void {
    if (this.#fd === -1) return;
    const fd = this.#fd;
    this.#fd = -1; // its number is another file's from here on, whatever close says
    try {
      closeSync(fd);
    } catch {
      // A deferred write error shows here; what it concerns was never acknowledged.
    }
  }

  #takeUp(): TornTail | undefined {
    const size = fstatSync(this.#fd).size;
    const sound = soundEnd(this.#fd, size, this.#path);
    const torn = sound.bytes < size ? moveTornTail(this.#options.dir, this.#fd, sound.bytes, size, this.#options.nowUs()) : undefined;
    fsyncSync(this.#fd); // what a killed writer wrote may still be in memory only
    this.#bytes = sound.bytes;
    this.#end = sound.end ?? this.#end;
    this.#firstSeq = firstSeqOf(this.#fd, sound.bytes) ?? this.#end.seq + 1;
    return torn;
  }

  #resolveIntents(): OpenLine[] {
    const files = openChain(this.#options.dir);
    try {
      this.#intents = findOpenIntents(files);
      return this.#intents.entries().map(([id, seq]) => unresolvedLine(unresolvedFacts(files, id, seq, this.#options.nowUs())));
    } finally {
      closeAll(files);
    }
  }

  #write(bytes: Buffer): void {
    for (let written = 0; written < bytes.length;) {
      const more = this.#options.disk.write(this.#fd, bytes, written);
      if (more === 0) throw new Error('the disk takes no more bytes and gives no reason');
      written += more;
    }
  }

  // The name must still lead to our file, at our length: a file that somebody removed, replaced or cut takes lines without keeping them.
  #proveLength(bytes: number): void {
    const stat = statSync(this.#path, { bigint: true });
    if (stat.ino !== this.#inode) throw new Error('it was removed or replaced while the gateway was writing it');
    if (Number(stat.size) !== bytes) throw new Error(`it is ${stat.size} bytes long where ${bytes} were written: something else writes or cuts it`);
  }

  #rotate(name: string): void {
    const target = join(this.#options.dir, name);
    if (existsSync(target)) throw new Error(`${target} exists already and would be overwritten by the rotation; move it aside after looking at it with agw audit verify`);
    this.#proveLength(this.#bytes);
    fsyncSync(this.#fd);
    renameSync(this.#path, target);
    this.#bytes = 0;
    this.#firstSeq = this.#end.seq + 1;
    this.#closeCurrent();
    this.#openCurrent();
  }

  #lost(): Error {
    return new Error(`it no longer ends with the last acknowledged line (seq ${this.#end.seq}). Put the file back as it was, or restart the gateway to go on from what is there`);
  }
}

function makePrivateDir(dir: string): void {
  makeFolder(dir, 0o700);
  chmodSync(dir, 0o700);
}

function tornLine(atUs: number, torn: TornTail): OpenLine {
  return eventLine(atUs, 'torn_tail_repaired', { bytes: torn.bytes, moved_to: torn.movedTo, sha256: torn.sha256 });
}
