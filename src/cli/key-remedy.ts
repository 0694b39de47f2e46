// What to do about a tool server that is not reached because of its key: the variable is missing, can't be sent, or is refused.
import { lackedVariables } from '../base/config/environment.js';

/** `ofAgw`: agw asked the server itself. `sent`: the headers as the registry or the command line writes them, where that is known. */
export interface KeyCircumstances {
  readonly ofAgw: boolean;
  readonly sent?: readonly (readonly [name: string, written: string])[];
}

/** `reason`: why it could not be listed, as the gateway says it. Undefined: its key is not the cause. */
export function remedyForKey(reason: string, { ofAgw, sent }: KeyCircumstances): string | undefined {
  const again = ofAgw ? 'in this shell (export), and where the gateway is started' : 'where the gateway is started, and start it again: make down, make up (a reload reads no variables)';
  const [variable] = lackedVariables(reason);
  if (variable !== undefined) return `Set ${variable}, which is absent or empty, ${again}`;
  if (reason.includes('that no header may have')) return `Look at the end of its variable's value for a line end or a blank (KEY=$(cat FILE) takes line ends off); then set it ${again}`;
  if (!/HTTP status 40[13]\b/.test(reason)) return undefined;
  if (sent !== undefined && sent.length === 0) return 'It wants a key: put that into a variable, and name it: --header \'Authorization: Bearer $ENV{NAME}\' (in the registry, under servers: headers:)';
  const names = sent === undefined ? 'headers: of its entry under servers:, if it has one' : `what it was sent (${sent.map(([name, written]) => `${name}: ${withoutSecrets(written)}`).join(', ')})`;
  return `It refuses the key, or wants one: check ${names}: the header's name, Bearer before the key if the server wants it, and the variable's value; ${ofAgw ? 'then try again' : 'a changed variable needs a new start: make down, make up'}`;
}

/** As written, where that is a scheme and variables alone. */
function withoutSecrets(written: string): string {
  return /^(?:[A-Za-z]+ )?(?:\$ENV\{\w+\})+$/.test(written) ? written : '…';
}
