// --caller: a SPIFFE ID. Anything else would be found nowhere, and "nothing was found" is no answer to a slip of the pen.
import { parseWorkloadId } from '../engines/identity/spiffe-id.js';
import type { SpiffeId } from '../engines/identity/types.js';
import type { CommandContext } from './command.js';
import { CliFailure } from './failure.js';

/** Undefined = it was not given. Throws CliFailure. */
export function callerOption(context: Pick<CommandContext, 'option'>): SpiffeId | undefined {
  const text = context.option('caller');
  if (text === undefined) return undefined;
  const caller = parseWorkloadId(text);
  if (caller === undefined) throw new CliFailure(`--caller ${text} is not the SPIFFE ID of a workload.`, { remedy: 'Write spiffe://<trust-domain>/agents/mcp-client/<agent>/<env>. See: agw identity list', code: 'usage' });
  return caller;
}
