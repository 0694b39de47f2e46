// The variables of a process: as its entry writes them, or the gateway's own where it names one.
import { lackText, NAMED_VARIABLE } from '../../base/config/environment.js';

/** Which variable is missing, as a text for people, where one is. */
export function resolveVariables(env: Readonly<Record<string, string>>, variable: (name: string) => string | undefined): Record<string, string> | string {
  const resolved: Record<string, string> = {};
  for (const [key, written] of Object.entries(env)) {
    const name = NAMED_VARIABLE.exec(written)?.[1];
    const value = name === undefined ? written : variable(name);
    if (value === undefined) return `its ${key} is ${lackText(name ?? '')}`;
    resolved[key] = value;
  }
  return resolved;
}
