// The input document of SPEC section 6 and the cache key, both built from no more than what a policy set reads.
import { hash } from 'node:crypto';
import type { InputParts, PolicyFacts, PolicySet } from './types.js';

/** Longer key parts are replaced by their digest, whoever wrote them, so that the cache's memory is bounded by its number of entries. */
const KEY_PART_CHARS_MAX = 256;
const NS_PER_SECOND = 1_000_000_000n;

type Writer = (facts: PolicyFacts) => string;

export interface InputBuilder {
  readonly readsArguments: PolicySet['readsArguments'];
  /** All of the input document but the arguments. */
  toParts(facts: PolicyFacts): InputParts;
  /** The input document as JSON. */
  toJson(facts: PolicyFacts): string;
  /** Differs whenever a member that the set reads differs. */
  toKey(facts: PolicyFacts): string;
  /** Nothing but caller, tool and method is in the key. */
  readonly keyIsCall: boolean;
}

interface Member {
  readonly names: readonly string[];
  readonly write: Writer;
  /** The names below it, where these are always the same. */
  readonly inner?: readonly string[];
  /** Absent where caller, tool and method are in every key anyway, or the value never changes or is never cached. */
  readonly key?: Writer;
}

/** `argumentsJson` with at least the members that are read. Arguments come first: their text is the caller's, and of a doubled member the last one counts. */
export function inputJson({ argumentNames, others }: InputParts, argumentsJson: string): string {
  if (argumentNames.length === 0) return `{${others}}`;
  const members = argumentNames.map((name) => `${JSON.stringify(name)}:${argumentsJson}`);
  return `{${(others === '' ? members : [...members, others]).join(',')}}`;
}

const ARGUMENT_NAMES: readonly string[] = ['arguments', 'params'];
const SESSION_NAMES: readonly string[] = ['session'];

/**
 * The names of the members that are read of an input's member; undefined = any may be. What no policy names is in no key, so that it does not keep a
 * decision from being found again. A name may hold dots: `arguments.a.b` is read of the member `a`, or of `a.b`.
 */
function namesRead(inputs: readonly string[], ofNames: readonly string[]): ReadonlySet<string> | undefined {
  const names = new Set<string>();
  for (const path of inputs) {
    const [first = '', ...parts] = path.split('.');
    if (first !== '*' && !ofNames.includes(first)) continue;
    if (parts.length === 0) return undefined;
    parts.forEach((_, at) => names.add(parts.slice(0, at + 1).join('.')));
  }
  return names;
}

function createMembers(writeArguments: Writer, sessionMembers: ReadonlySet<string> | undefined): readonly Member[] {
  const principals = new WeakMap<object, string>();
  const writePrincipal: Writer = ({ principal }) => {
    const known = principals.get(principal);
    if (known !== undefined) return known;
    const text = JSON.stringify({ level: principal.level, role: principal.role, capabilities: principal.capabilities });
    principals.set(principal, text);
    return text;
  };
  const writeSession: Writer = (facts) => JSON.stringify(sessionMembers === undefined ? facts.session() : Object.fromEntries(Object.entries(facts.session()).filter(([name]) => sessionMembers.has(name))));
  return [
    { names: ARGUMENT_NAMES, write: writeArguments, key: writeArguments },
    { names: SESSION_NAMES, inner: ['id', 'risk_score', 'previous_actions', 'flags'], write: writeSession, key: writeSession },
    { names: ['caller_spiffe_id', 'spiffe_id'], write: (facts) => JSON.stringify(facts.callerSpiffeId) },
    { names: ['tool_name', 'tool'], write: (facts) => JSON.stringify(facts.toolName) },
    { names: ['method'], write: (facts) => JSON.stringify(facts.method) },
    { names: ['server'], write: (facts) => JSON.stringify(facts.server), key: (facts) => facts.server },
    { names: ['risk_level'], write: (facts) => JSON.stringify(facts.riskLevel), key: (facts) => facts.riskLevel },
    { names: ['principal'], inner: ['level', 'role', 'capabilities'], write: writePrincipal, key: writePrincipal },
    { names: ['auth_method'], write: (facts) => JSON.stringify(facts.authMethod), key: (facts) => facts.authMethod },
    { names: ['oauth'], write: () => '{}' },
    { names: ['step_up'], inner: ['approved'], write: (facts) => `{"approved":${facts.stepUpApproved}}`, key: (facts) => String(facts.stepUpApproved) },
    { names: ['time'], inner: ['now_ns', 'rfc3339'], write: (facts) => `{"now_ns":${facts.timeNs()},"rfc3339":"${formatRfc3339(facts.timeNs())}"}` },
  ];
}

/** What a policy may read below `input`: each name, with the names below it where these are fixed. */
export const INPUT_NAMES: ReadonlyMap<string, readonly string[] | undefined> = new Map(createMembers((facts) => facts.argumentsJson(), undefined).flatMap(({ names, inner }) => names.map((name) => [name, inner] as const)));

/** `inputs` are the dotted paths that findReads found. */
export function createInputBuilder(inputs: readonly string[]): InputBuilder {
  const argumentMembers = namesRead(inputs, ARGUMENT_NAMES);
  const writeArguments: Writer = (facts) => facts.argumentsJson(argumentMembers) || '{}';
  const members = createMembers(writeArguments, namesRead(inputs, SESSION_NAMES));
  const read = new Set(inputs.map((path) => path.split('.')[0] ?? ''));
  const reads = (name: string): boolean => read.has('*') || read.has(name);
  const argumentNames = ARGUMENT_NAMES.filter(reads);
  const others = members.flatMap((member) =>
    member.names.filter((name) => reads(name) && !ARGUMENT_NAMES.includes(name)).map((name) => ({ name: JSON.stringify(name), write: member.write })),
  );
  const toParts = (facts: PolicyFacts): InputParts => ({ argumentNames, argumentMembers, others: others.map(({ name, write }) => `${name}:${write(facts)}`).join(',') });
  const keyed = members
    .filter((member) => member.names.some(reads))
    .flatMap((member) => (member.key === undefined ? [] : [member.key]));
  return {
    keyIsCall: keyed.length === 0,
    readsArguments: argumentNames.length === 0 ? 'none' : argumentMembers === undefined ? 'all' : 'named',
    toParts,
    toJson: (facts) => inputJson(toParts(facts), argumentNames.length === 0 ? '' : writeArguments(facts)),
    toKey: (facts) => {
      let key = keyPart(facts.callerSpiffeId) + keyPart(facts.toolName) + keyPart(facts.method);
      for (const part of keyed) key += keyPart(part(facts));
      return key;
    },
  };
}

/** Begins with its length, or with # before a digest of fixed length: no two different rows of parts can run together into one key. */
function keyPart(text: string): string {
  if (text.length <= KEY_PART_CHARS_MAX) return `${text.length}:${text}`;
  return `#${hash('sha256', text, 'base64')}`;
}

function formatRfc3339(ns: bigint): string {
  const seconds = ns / NS_PER_SECOND;
  const fraction = (ns % NS_PER_SECOND).toString().padStart(9, '0');
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
}
