// --header NAME: VALUE, as curl takes it. A secret goes into a variable: the registry is a file, and a command line is seen by others.
import { namesVariables } from '../base/config/environment.js';
import { isGatewaysHeader } from '../mcp/request-headers.js';
import { isHarmlessVariable } from './clients/secret-signs.js';
import { CliFailure } from './failure.js';

/** `$NAME`, `${NAME}`, `${env:NAME}` and what a shell leaves of "$ENV{NAME}". The whole value, and as variables are named: less could be a piece of a key, and is shown. */
const OTHER_NOTATION = /^(?:\$?\{(?:env:)?([A-Za-z_]\w*)\}|\$([A-Z_][A-Z0-9_]*))$/;

/** Throws CliFailure, which never shows a value. */
export function typedHeaders(given: readonly string[]): Record<string, string> {
  const headers = new Map<string, readonly [name: string, value: string]>();
  for (const text of given) {
    const [name, value] = typedHeader(text);
    if (headers.has(name.toLowerCase())) throw new CliFailure(`--header names ${name} twice.`, { remedy: 'Upper and lower case are the same: give it once.' });
    headers.set(name.toLowerCase(), [name, value]);
  }
  return Object.fromEntries(headers.values());
}

function typedHeader(text: string): readonly [name: string, value: string] {
  const [, name, value] = /^([^\s:]+):[ \t]*(.*?)[ \t]*$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new CliFailure('--header is not NAME: VALUE.', { remedy: 'Write it like this: --header \'Authorization: Bearer $ENV{TOKEN}\'' });
  if (isGatewaysHeader(name)) throw new CliFailure(`--header: ${name} is the gateway's own, as all headers of HTTP's framing, of MCP and of the trace.`, { remedy: 'Leave it out.' });
  const scheme = /^(?:Bearer|Basic|Token|ApiKey)(?= )/i.exec(value)?.[0];
  const written = (variable: string): string => `--header '${name}: ${scheme === undefined ? '' : `${scheme} `}$ENV{${variable}}'`;
  if (!namesVariables(value)) throw new CliFailure(`--header: the value of ${name} has a $ENV{ that names no variable.`, { remedy: `A name is of letters, digits and _, without blanks around it: ${written('NAME')}` });
  if (value.includes('$ENV{') || isHarmlessVariable(name, value)) return [name, value];
  const [, braced, bare] = OTHER_NOTATION.exec(value.slice(scheme?.length ?? 0).trim()) ?? [];
  const variable = braced ?? bare;
  if (variable !== undefined) throw new CliFailure(`--header: the value of ${name} names a variable in another way than the registry does.`, { remedy: `Write $ENV{…}, in single quotes, or the shell takes it apart: ${written(variable === 'ENV' ? 'NAME' : variable)}` });
  throw new CliFailure(`--header: the value of ${name} may be a secret, and would stand in the registry.`, { remedy: `Put it into a variable of the gateway's environment, and of this one, and name that, in single quotes: ${written('NAME')}` });
}
