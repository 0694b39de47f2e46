// Asks each server for its tools now, as the gateway will: with the values of this file, which are in nothing that is said of it.
import type { CommandContext } from '../command.js';
import { toServer } from '../../engines/registry/server-entry.js';
import type { ServedTool } from '../../engines/registry/types.js';
import { masked } from '../clients/secret-signs.js';
import { CliFailure } from '../failure.js';
import { servedBy, type BesideTools } from '../served-tools.js';
import { printable } from '../terminal.js';
import type { UpstreamPlan } from './upstream-plan.js';

/** Shorter values can't be told from other words of a definition. */
const LOOKED_FOR_MIN = 8;

export interface AskedServer {
  readonly plan: UpstreamPlan;
  /** Undefined: it did not answer. */
  readonly tools: readonly ServedTool[] | undefined;
  /** What else it has, which an import does not register. */
  readonly beside: readonly BesideTools[];
  readonly reason: string;
}

/** One after another: what each writes to stderr is told apart so. */
export async function askServers(context: CommandContext, plans: readonly UpstreamPlan[], timeoutMs: number | undefined): Promise<readonly AskedServer[]> {
  const asked: AskedServer[] = [];
  for (const plan of plans) asked.push(await askServer(context, plan, timeoutMs));
  return asked;
}

async function askServer(context: CommandContext, plan: UpstreamPlan, timeoutMs: number | undefined): Promise<AskedServer> {
  const [missing] = plan.missing;
  if (missing !== undefined) return { plan, tools: undefined, beside: [], reason: `the variable ${missing} has no value here: set it where agw import runs` };
  const secrets = plan.needed.map(({ value }) => value).filter((value) => value !== '');
  const say = (line: string): void => context.terminal.warn(printable(`${plan.name}: ${masked(line, secrets)}`));
  const surroundings = { folder: context.project.path('.'), say, secrets: secrets.filter((value) => value.length >= LOOKED_FOR_MIN) };
  context.terminal.warn(`asking ${printable(plan.name)} (${printable(plan.upstream)}) for its tools`);
  try {
    return { plan, ...(await servedBy(plan.upstream, plan.live, surroundings, timeoutMs)), reason: '' };
  } catch (error) {
    if (!(error instanceof CliFailure) || error.code === 'interrupted') throw error; // Ctrl-C is no server that does not answer
    if (plan.live?.transport.kind !== 'stdio' && plan.entry?.transport === undefined && error.message.includes('HTTP+SSE')) return askOverSse(context, plan, timeoutMs);
    const reason = error.message.replace(/^\S+ did not list its tools: /, '').replace(/\.$/, '');
    return { plan, tools: undefined, beside: [], reason: masked(`${reason}${isRefusal(reason) ? keyGiven(plan) : ''}`, secrets) };
  }
}

function isRefusal(reason: string): boolean {
  return /HTTP status 40[13]\b/.test(reason);
}

function keyGiven({ needed }: UpstreamPlan): string {
  return needed.length === 0 ? ': it wants a key, and the file has none for it' : `: it refuses what the file has for it (${needed.map(({ from }) => from).join('; ')}), or wants another`;
}

/** Most clients name both transports alike, and try. */
function askOverSse(context: CommandContext, plan: UpstreamPlan, timeoutMs: number | undefined): Promise<AskedServer> {
  const transport = { transport: 'sse' } as const;
  const live = plan.live?.transport;
  const headers = live === undefined || live.kind === 'stdio' ? undefined : live.headers;
  return askServer(context, { ...plan, entry: { ...plan.entry, upstream: plan.upstream, ...transport }, live: toServer({ upstream: plan.upstream, ...transport, ...(headers === undefined ? {} : { headers }) }, 0) }, timeoutMs);
}
