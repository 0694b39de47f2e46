// A client's file that cannot be read, or not changed safely: where, and why.
import type { TextPlace } from './types.js';

export class TextFault extends Error {
  readonly line: number;
  readonly column: number;

  constructor(message: string, { line, column }: TextPlace) {
    super(message);
    this.name = 'TextFault';
    this.line = line;
    this.column = column;
  }
}
