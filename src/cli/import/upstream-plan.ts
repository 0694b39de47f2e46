// What the gateway's registry is to say of a found server, and how it is asked now: secrets stay where they are, the registry names variables of the gateway instead.
import { NAMED_VARIABLE, namedVariables } from '../../base/config/environment.js';
import { toServer, type ServerEntry } from '../../engines/registry/server-entry.js';
import type { RegisteredServer } from '../../engines/registry/types.js';
import { isHarmlessVariable, secretInArgument, secretInUrl } from '../clients/secret-signs.js';
import type { FoundServer, LeftOut } from './found-server.js';
import { planHeaders } from './header-plan.js';
import { resolved, soleVariable, variableName, type Folders } from './references.js';

/** A variable that the gateway must have in its environment. */
export interface NeededVariable {
  /** As the server knows it. */
  readonly name: string;
  /** As the gateway has it. */
  readonly variable: string;
  /** Never shown, never written. */
  readonly value: string;
  /** The file itself names it: it is that one wherever it is named. */
  readonly isNamed: boolean;
  /** Where its value stands now: `env.TOKEN` of the entry, or the same variable of the client's environment. */
  readonly from: string;
}

export interface UpstreamPlan {
  readonly name: string;
  readonly line: number;
  readonly upstream: string;
  /** Undefined: a URL that needs no entry. */
  readonly entry: ServerEntry | undefined;
  /** With the values themselves, for this one listing. */
  readonly live: RegisteredServer | undefined;
  readonly needed: readonly NeededVariable[];
  readonly notes: readonly string[];
  /** Variables without a value here: it can't be asked. */
  readonly missing: readonly string[];
}

const UPSTREAM_NAME_LENGTH_MAX = 64;

/** `stdio:` with what a name may have. */
export function processName(name: string): string {
  return `stdio:${name.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '').slice(0, UPSTREAM_NAME_LENGTH_MAX) || 'server'}`;
}

/** `ownFolder`: where the client runs it, for servers of a project. */
export function planUpstream(found: FoundServer, folders: Folders, ownFolder: string | undefined): UpstreamPlan | LeftOut {
  const left = (reason: string, remedy: string): LeftOut => ({ name: found.name, line: found.line, reason, remedy });
  if (found.way.kind !== 'stdio') return planUrl(found, found.way, folders, left);
  const words = [found.way.command, ...found.way.args].map((word) => resolved(word, folders));
  const [missing] = words.flatMap((word) => word.missing);
  if (missing !== undefined) return left(`its command takes the variable ${missing}, which has no value here`, `Set it where agw import runs: ${missing}=… agw import …`);
  const [command = '', ...args] = words.map(({ text }) => text);
  for (const [at, arg] of args.entries()) {
    const sign = secretInArgument(arg, args[at - 1] ?? '');
    if (sign !== undefined) return left(`argument ${at + 1} of its command: ${sign}; the registry would show it`, 'Let the server take it from a variable, put that into env: of the file, and import it again.');
  }
  const cwd = found.way.cwd === undefined ? ownFolder : resolved(found.way.cwd, folders).text;
  return process({ found, folders, command, args, cwd, env: found.env, notes: [] });
}

function planUrl(found: FoundServer, way: { readonly kind: 'streamable_http' | 'sse'; readonly url: string }, folders: Folders, left: (reason: string, remedy: string) => LeftOut): UpstreamPlan | LeftOut {
  const { text: url, missing: [missing] } = resolved(way.url, folders);
  if (missing !== undefined) return left(`its URL takes the variable ${missing}, which has no value here`, `Set it where agw import runs: ${missing}=… agw import …`);
  const sign = secretInUrl(url);
  if (sign !== undefined) return left(`${sign}; the registry would show it`, 'Let the server take it as a header, if it does, and import it again.');
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol) || url.includes('#')) return left('its URL is not of http: or https:', 'The gateway speaks Streamable HTTP, HTTP+SSE, and stdio to tool servers.');
  const planned = planHeaders(found, folders);
  if (planned.unfit !== undefined) return left(`its header ${planned.unfit} holds what no header may have`, 'Mend it in the file, and import it again.');
  const entry = (headers: Readonly<Record<string, string>>): ServerEntry | undefined =>
    way.kind === 'sse' || planned.count > 0 ? { upstream: url, ...(way.kind === 'sse' ? { transport: 'sse' } : {}), ...(planned.count > 0 ? { headers: { ...headers } } : {}) } : undefined;
  const live = entry(planned.live);
  return { name: found.name, line: found.line, upstream: url, entry: entry(planned.written), live: live === undefined ? undefined : toServer(live, 0), needed: planned.needed, notes: planned.notes, missing: planned.missing };
}

interface Program {
  readonly found: FoundServer;
  readonly folders: Folders;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
}

function process({ found, folders, command, args, cwd, env, notes }: Program): UpstreamPlan {
  const upstream = processName(found.name);
  const written = Object.entries(env).map(([name, value]) => {
    const { text, used, missing } = resolved(value, folders);
    return { name, text, missing, kept: writtenValue(name, used.length + missing.length === 0 ? text : value, folders), sole: soleVariable(value, folders) };
  });
  const plain: ServerEntry = { upstream, command, ...(args.length === 0 ? {} : { args: [...args] }), ...(cwd === undefined ? {} : { cwd }) };
  const withEnv = (pairs: readonly (readonly [string, string])[]): ServerEntry => (pairs.length === 0 ? plain : { ...plain, env: Object.fromEntries(pairs) });
  const needed = written.flatMap(({ name, kept, sole, text }): NeededVariable[] => {
    const variable = NAMED_VARIABLE.exec(kept)?.[1];
    return variable === undefined ? [] : [{ name, variable, value: text, isNamed: sole !== undefined, from: sole === undefined ? `env.${name}` : `${sole} of the client's own environment` }];
  });
  return {
    name: found.name, line: found.line, upstream, entry: withEnv(written.map(({ name, kept }) => [name, kept])), live: toServer(withEnv(written.map(({ name, text }) => [name, text])), 0),
    needed, notes, missing: written.flatMap(({ missing }) => missing),
  };
}

/** As the registry says it: harmless values as they are, everything else as a variable of the gateway. */
function writtenValue(name: string, value: string, folders: Folders): string {
  const variable = soleVariable(value, folders);
  if (variable !== undefined) return `$ENV{${variable}}`;
  return value === '' || isHarmlessVariable(name, value) ? value : `$ENV{${name}}`;
}

/** A variable is one server's secret: what is imported now shares none with another, nor with one that the registry has. A registered server keeps its own. */
export function withoutSharedNames(plans: readonly UpstreamPlan[], servers: ReadonlyMap<string, RegisteredServer>): readonly UpstreamPlan[] {
  const namedBy = [...servers.values()].map(({ upstream, transport }) => ({ upstream, variables: new Set(Object.values(textsOf(transport)).flatMap(namedVariables)) }));
  const isTaken = (variable: string, upstream: string): boolean => namedBy.some((one) => one.upstream !== upstream && one.variables.has(variable));
  const valuesOf = new Map<string, Set<string>>();
  for (const { variable, value } of plans.flatMap(({ needed }) => needed)) valuesOf.set(variable, (valuesOf.get(variable) ?? new Set()).add(value));
  const freeName = (name: string, value: string, upstream: string): string => {
    for (let count = 1; ; count += 1) {
      const variable = count === 1 ? name : `${name}_${count}`;
      const holders = valuesOf.get(variable);
      if (isTaken(variable, upstream) || (holders !== undefined && !(holders.size === 1 && holders.has(value)))) continue;
      valuesOf.set(variable, new Set([value]));
      return variable;
    }
  };
  return plans.map((plan) => {
    const registered = servers.get(plan.upstream)?.transport;
    const needed = plan.needed.map((one) => {
      const [known] = registered === undefined ? [] : namedVariables(textsOf(registered)[one.name] ?? '');
      if (known !== undefined) return { ...one, variable: known };
      const isShared = (valuesOf.get(one.variable)?.size ?? 0) > 1 || (!one.isNamed && isTaken(one.variable, plan.upstream));
      return isShared ? { ...one, variable: freeName(variableName(`${plan.name}_${one.variable}`), one.value, plan.upstream) } : one;
    });
    const { env, headers, ...others } = plan.entry ?? { upstream: plan.upstream };
    const renamed = (texts: Readonly<Record<string, string>>): Record<string, string> => Object.fromEntries(Object.entries(texts).map(([name, text]) => {
      const [before, after] = [plan.needed, needed].map((list) => list.find((one) => one.name === name)?.variable);
      return [name, before === undefined || after === undefined ? text : text.replace(`$ENV{${before}}`, `$ENV{${after}}`)];
    }));
    return env === undefined && headers === undefined ? plan : { ...plan, needed, entry: { ...others, ...(env === undefined ? {} : { env: renamed(env) }), ...(headers === undefined ? {} : { headers: renamed(headers) }) } };
  });
}

function textsOf(transport: RegisteredServer['transport']): Readonly<Record<string, string>> {
  return (transport.kind === 'stdio' ? transport.program.env : transport.headers) ?? {};
}
