// The options of a bench program: a wrong one is said with those that there are, and --help tells what the program measures.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

/**
 * The program's own arguments, by name. `defaults`: a number (above 0), a text, false for a switch, null for a text that may be missing. Ends the process with 0 after
 * --help, with 2 after what can't be read.
 */
export function readOptions(defaults) {
  try {
    return parseOptions(defaults, process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${usage(defaults)}`);
    process.exit(2);
  }
}

function parseOptions(defaults, args) {
  const options = Object.fromEntries(Object.entries(defaults).map(([name, value]) => [name, { type: typeof value === 'boolean' ? 'boolean' : 'string' }]));
  const { values } = parseArgs({ args, options: { ...options, help: { type: 'boolean' } } });
  if (values.help) {
    process.stdout.write(`${aboutProgram()}\n\n${usage(defaults)}`);
    process.exit(0);
  }
  return Object.fromEntries(Object.entries(defaults).map(([name, value]) => [name, valueOf(name, values[name], value)]));
}

function valueOf(name, given, byDefault) {
  if (given === undefined) return byDefault ?? undefined;
  if (typeof byDefault !== 'number') return given;
  if (!(Number(given) > 0)) throw new Error(`--${name} ${given}: a number above 0 is meant.`);
  return Number(given);
}

function usage(defaults) {
  const lines = Object.entries(defaults).map(([name, value]) => `  --${name}${typeof value === 'boolean' ? '' : value === null ? ' <text>' : ` ${value}`}`);
  return `Options, with what they are without being given:\n${lines.join('\n')}\n`;
}

/** The comment that the program begins with. */
function aboutProgram() {
  const lines = readFileSync(process.argv[1], 'utf8').split('\n');
  const end = lines.findIndex((line) => !line.startsWith('//'));
  return lines.slice(0, end).map((line) => line.replace(/^\/\/ ?/, '')).join('\n');
}
