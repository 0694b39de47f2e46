// What a command can end with: the exit codes, and a failure that says its remedy.

/** 0 = done, or yes. 1 = a negative answer: DENY, a broken chain, not found, problems found. 2 = wrong usage, or an error. 3 = the gateway refused what was asked as an agent. */
export type ExitCode = 0 | 1 | 2 | 3;

export const EXIT_CODES = [
  [0, 'done, or a positive answer (ALLOW, chain intact)'],
  [1, 'a negative answer (DENY, chain broken, not found, problems found, the tool failed)'],
  [2, 'wrong usage, or an error (no gateway answers)'],
  [3, 'the gateway refused a call that agw made as an agent'],
  [130, 'Ctrl-C ended it (143: a SIGTERM did); 2 where something had to be wound up first'],
] as const;

/** Ends the command with exit code 2 (or `exitCode`): printed as `agw: message` and the remedy below, never with a stack. */
export class CliFailure extends Error {
  readonly remedy: string | undefined;
  readonly exitCode: ExitCode;
  /** The gateway's own error code, for --json. */
  readonly code: string | undefined;

  constructor(message: string, more: { remedy?: string | undefined; exitCode?: ExitCode; code?: string | undefined } = {}) {
    super(message);
    this.name = 'CliFailure';
    this.remedy = more.remedy;
    this.exitCode = more.exitCode ?? 2;
    this.code = more.code;
  }
}
