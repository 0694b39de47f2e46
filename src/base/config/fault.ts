// A configuration file that can't be used: where, why, and what to do. Every loader of a file in config/ throws this one.

export interface FaultPlace {
  readonly file: string;
  /** 1-based; 0 = the file as a whole: no line of it is to blame. */
  readonly line: number;
  /** 1-based; 0 as line. */
  readonly column: number;
  readonly remedy?: string | undefined;
}

/** The place of a fault that no line is to blame for: the file is missing, unreadable, or wrong as a whole. */
export const WHOLE_FILE = { line: 0, column: 0 } as const;

/** `file:line:column`, without what is not known. */
export function placeText({ file, line = 0, column = 0 }: { readonly file: string; readonly line?: number | undefined; readonly column?: number | undefined }): string {
  if (line === 0) return file;
  return column === 0 ? `${file}:${line}` : `${file}:${line}:${column}`;
}

/** `message` says the cause alone; `describeFault` puts place and remedy around it. */
export class ConfigFault extends Error {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly remedy: string | undefined;
  /** The other faults of the same file, in order: a person repairs all of them in one go. */
  readonly others: readonly ConfigFault[];

  constructor(message: string, place: FaultPlace, others: readonly ConfigFault[] = []) {
    super(message);
    this.name = 'ConfigFault';
    this.file = place.file;
    this.line = place.line;
    this.column = place.column;
    this.remedy = place.remedy;
    this.others = others;
  }
}

/** `file:line:column: cause remedy`, one line per fault. */
export function describeFault(fault: ConfigFault): string {
  return [fault, ...fault.others].map(describeOne).join('\n');
}

function describeOne(fault: ConfigFault): string {
  const remedy = fault.remedy === undefined ? '' : ` ${fault.remedy}`;
  return `${placeText(fault)}: ${fault.message}${remedy}`;
}
