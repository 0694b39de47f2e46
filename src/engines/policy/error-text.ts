// Turns the engine's error text into a PolicyError with file, line and column.
import { PolicyError } from './types.js';

// The engine writes "--> file:line:col", the line, a caret, then "error: what".
const POSITION = /^-->\s(.+):(\d+):(\d+)$/m;
const MESSAGE = /^(?:error|warning):\s(.+)$/m;
const MESSAGE_CHARS_MAX = 300;

/** `fallbackFile` names the file where the text itself has no position (a limit of the engine, for example). */
export function policyErrorFrom(text: string, fallbackFile: string): PolicyError {
  const position = POSITION.exec(text);
  const message = (MESSAGE.exec(text)?.[1] ?? text.trim()).replace(/:$/, '').slice(0, MESSAGE_CHARS_MAX);
  if (position === null) return new PolicyError(message, fallbackFile, 0, 0);
  return new PolicyError(message, position[1] ?? fallbackFile, Number(position[2]), Number(position[3]));
}
