// Starts the program of a tool server, without a shell and in a bare environment. Whatever keeps it from starting ends as the end of one does: Node tells some of it by an event, throws the rest,
// and gives a process without pipes where no descriptor is left.
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import type { StdioProgram } from '../../engines/registry/types.js';
import type { Channel, ChannelEvents } from '../duplex/channel.js';

export interface ProcessPlace {
  readonly program: StdioProgram;
  /** PATH, HOME, LANG; what the program's entry adds comes on top. */
  readonly bareEnvironment: Readonly<Record<string, string>>;
  /** Where it runs unless its entry says. */
  readonly folder: string;
}

/** In a process group of its own. A text: why there is none, for people; of a program that isn't there the process itself says so, by its event `error`. */
export function startProcess({ program: { command, args, env, cwd }, bareEnvironment, folder }: ProcessPlace, start: typeof spawn = spawn): ChildProcessWithoutNullStreams | string {
  try {
    // Node opens everything close-on-exec: the three pipes are all that the process gets.
    const started: ChildProcessWithoutNullStreams = start(command, args, { cwd: cwd ?? folder, env: { ...bareEnvironment, ...env }, stdio: 'pipe', shell: false, detached: true });
    if (hasPipes(started)) return started;
    started.on('error', () => undefined); // unheard it would end the thread
    return notStartedText(command, 'too many files are open');
  } catch (fault) {
    return notStartedText(command, fault instanceof Error && 'code' in fault ? String(fault.code) : undefined);
  }
}

/** `why`: the system's word for it. */
export function notStartedText(command: string, why: string | undefined): string {
  return `${command} can't be started (${why ?? 'unknown'})`;
}

/** The channel of a process that there is not: closed as soon as whoever opened it has it. */
export function notStarted(events: ChannelEvents, reason: string): Channel {
  process.nextTick(() => events.onClosed({ kind: 'transport', maybeSent: false, message: reason }));
  return { send: () => undefined, close: () => undefined };
}

/** Its types know nothing of one without. */
function hasPipes({ stdin, stdout, stderr }: Partial<ChildProcessWithoutNullStreams>): boolean {
  return stdin !== undefined && stdout !== undefined && stderr !== undefined;
}
