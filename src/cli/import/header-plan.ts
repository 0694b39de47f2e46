// Headers of a found server as the registry is to say them: what may be a secret becomes a variable of the gateway's, behind the scheme where it has one.
import { isGatewaysHeader } from '../../mcp/request-headers.js';
import { isHarmlessVariable } from '../clients/secret-signs.js';
import type { FoundServer } from './found-server.js';
import { resolved, soleVariable, variableName, type Folders } from './references.js';
import type { NeededVariable } from './upstream-plan.js';

/** `Bearer x`: the word before a credential tells nothing (RFC 9110, section 11.1). */
const SCHEME = /^(?:(Bearer|Basic|Token|ApiKey)[ \t]+)?(.*)$/is;
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const UNFIT = /[^\t\x20-\x7e\x80-\xff]/;

export interface HeaderPlan {
  readonly count: number;
  /** For the registry. */
  readonly written: Readonly<Record<string, string>>;
  /** With the values themselves. */
  readonly live: Readonly<Record<string, string>>;
  readonly needed: readonly NeededVariable[];
  readonly missing: readonly string[];
  readonly notes: readonly string[];
  /** The first that can't be sent. */
  readonly unfit: string | undefined;
}

export function planHeaders({ name: server, headers, env, bridge }: FoundServer, folders: Folders): HeaderPlan {
  const own = Object.keys(headers).filter(isGatewaysHeader);
  const planned = Object.entries(headers).filter(([name]) => !own.includes(name)).map(([name, value]) => {
    // A bridge's headers name variables of its own entry.
    const text = value.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (whole, variable: string) => env[variable] ?? whole).trim();
    const [, scheme, credential = ''] = SCHEME.exec(text) ?? [];
    const before = scheme === undefined ? '' : `${scheme} `;
    const { text: filled, used, missing } = resolved(credential, folders);
    const sole = soleVariable(credential, folders);
    const isPlain = before === '' && used.length + missing.length === 0 && (filled === '' || isHarmlessVariable(name, filled)); // an empty variable is none
    const variable = sole ?? variableName(`${server}_${name}`);
    const [, ownVariable = ''] = /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$/.exec(value.trim()) ?? [];
    const place = env[ownVariable] !== undefined ? `env.${ownVariable}` : bridge === true ? `--header ${name} of its command` : `headers.${name}`;
    const needed: NeededVariable = { name, variable, value: filled, isNamed: sole !== undefined, from: sole === undefined ? `${place}${scheme === undefined ? '' : `, without ${scheme}`}` : `${sole} of the client's own environment` };
    return { name, written: isPlain ? filled : `${before}$ENV{${variable}}`, live: before + filled, needed: isPlain ? [] : [needed], missing };
  });
  return {
    count: planned.length,
    written: Object.fromEntries(planned.map(({ name, written }) => [name, written])),
    live: Object.fromEntries(planned.map(({ name, live }) => [name, live])),
    needed: planned.flatMap(({ needed }) => needed),
    missing: planned.flatMap(({ missing }) => missing),
    notes: own.map((name) => `its header ${name} is left out: the gateway sends its own`),
    unfit: planned.find(({ live }) => UNFIT.test(live) || live.includes('$ENV{'))?.name,
  };
}
