// Options that there are not: a misspelt one is no option left out, but a mistake.
import { ConfigurationError } from './errors.js';

export type Names<Options> = Readonly<Record<keyof Options, true>>;

/** JavaScript has no compiler that finds a misspelt name, and a call without what it was told would go to another gateway, or as somebody else. */
export function checkNames(options: object, names: Readonly<Record<string, true>>, of: string): void {
  if (typeof options !== 'object' || options === null) throw new ConfigurationError(`The options of ${of} are an object.`);
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(names, name)) continue;
    const meant = Object.keys(names).find((one) => one.toLowerCase() === name.replaceAll(/[-_]/g, '').toLowerCase());
    throw new ConfigurationError(`${of} has no option ${name}${meant === undefined ? `: it has ${Object.keys(names).join(', ')}` : `; it is called ${meant}`}.`);
  }
}
