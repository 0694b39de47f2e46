// For whom the import is: --as, or the default identity; and whether it is registered.
import { parseIdentities } from '../../engines/identity/identity-table.js';
import { parseWorkloadId } from '../../engines/identity/spiffe-id.js';
import type { SpiffeId } from '../../engines/identity/types.js';
import type { CommandContext } from '../command.js';
import { readConfigText } from '../edit-file.js';
import { CliFailure } from '../failure.js';

export interface ImportCaller {
  readonly id: SpiffeId;
  readonly isRegistered: boolean;
  /** It is the one that callers without evidence act as. */
  readonly isDefault: boolean;
}

const AGENT = /^([A-Za-z0-9._-]+)(?:\/([A-Za-z0-9._-]+))?$/;

export async function importCaller(context: CommandContext): Promise<ImportCaller> {
  const { identity } = await context.project.config();
  const file = context.project.path(identity.file);
  const table = parseIdentities(readConfigText(file), file, identity.trust_domain);
  const as = context.option('as');
  if (as === undefined) {
    if (table.defaultIdentity === undefined) throw new CliFailure('say for whom: there is no default identity.', { remedy: 'Pass --as AGENT, or a SPIFFE ID. See: agw identity list', code: 'usage' });
    return { id: table.defaultIdentity, isRegistered: true, isDefault: true };
  }
  const [, agent, env = 'dev'] = AGENT.exec(as) ?? [];
  const id = parseWorkloadId(agent === undefined ? as : `spiffe://${identity.trust_domain}/agents/mcp-client/${agent}/${env}`);
  if (id === undefined) throw new CliFailure(`--as ${as} is neither a SPIFFE ID nor an agent's name.`, { remedy: 'Write spiffe://<trust-domain>/agents/mcp-client/<agent>/<env>, or <agent>/<env>. See: agw identity list', code: 'usage' });
  return { id, isRegistered: table.has(id), isDefault: id === table.defaultIdentity };
}
