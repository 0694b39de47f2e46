// Lines for the person who typed make: what is being done, how long it takes, and one clear line with the remedy when it fails.
import { styleText } from 'node:util';

/** Whether a person sees colours. */
export const colored = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (style, text) => (colored ? styleText(style, text) : text);
const SECOND_MS = 1000;

export const green = (text) => paint('green', text);
export const red = (text) => paint('red', text);
export const bold = (text) => paint('bold', text);
export const dim = (text) => paint('dim', text);

/** Ends the script with one line and its remedy; no stack. */
export class Stop extends Error {
  constructor(message, remedy) {
    super(message);
    this.remedy = remedy;
  }
}

/** A line of its own, also while another work shows its seconds. */
export function say(text) {
  process.stdout.write(`${process.stdout.isTTY ? '\r\u001b[K' : ''}${text}\n`);
}

export function done(text) {
  say(`${green('✓')} ${text}`);
}

export function note(text) {
  say(`! ${text}`);
}

/** Runs a script's main function; a Stop, or an option that the script has not, is printed; anything else is a fault of ours and keeps its stack. */
export async function runScript(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    if (!(error instanceof Stop) && !String(error?.code).startsWith('ERR_PARSE_ARGS_')) throw error;
    process.stderr.write(`${red('✗')} ${error.message}${error.remedy === undefined ? '' : `\n  ${error.remedy}`}\n`);
    process.exitCode = 1;
  }
}

/** Shows that slow work goes on, with the seconds so far; one line on a terminal, nothing more than its first and last when piped. */
export async function withProgress(what, work) {
  const startedMs = Date.now();
  const seconds = () => Math.round((Date.now() - startedMs) / SECOND_MS);
  if (!process.stdout.isTTY) say(`  ${what} …`);
  const timer = process.stdout.isTTY ? setInterval(() => process.stdout.write(`\r  ${what} … ${seconds()} s `), SECOND_MS) : undefined;
  try {
    const result = await work();
    return result;
  } finally {
    clearInterval(timer);
    if (process.stdout.isTTY) process.stdout.write('\r\u001b[K');
  }
}
