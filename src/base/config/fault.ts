// A configuration file that can't be used: where, why, and what to do. Every loader of a file in config/ throws this one.

export interface FaultPlace {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based. */
  readonly column: number;
  readonly remedy?: string | undefined;
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

/** `file:line:column: cause (remedy)`, one line per fault. */
export function describeFault(fault: ConfigFault): string {
  return [fault, ...fault.others].map(describeOne).join('\n');
}

function describeOne(fault: ConfigFault): string {
  const remedy = fault.remedy === undefined ? '' : ` ${fault.remedy}`;
  return `${fault.file}:${fault.line}:${fault.column}: ${fault.message}${remedy}`;
}
