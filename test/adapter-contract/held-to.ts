// Holds one kit to the contract, a test for each duty, and shows that the contract finds adapters that do not do theirs.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

export type Session = Readonly<Record<string, unknown>> & {
  call(action: string, input: unknown, on?: { onEvent?: (event: unknown) => void; traceparent?: string }): { outcome: Promise<Readonly<Record<string, unknown>>>; cancel(): Promise<unknown> };
};

export interface Kit {
  readonly name: string;
  readonly cannot: Readonly<Record<string, string>>;
  connect(adapter: unknown, agent: { readonly key: string }, on?: unknown): Promise<Session>;
}

export interface Surroundings {
  readonly kit: Kit;
  readonly agents: Readonly<Record<'alpha' | 'beta', { readonly key: string }>>;
  readonly adapter: unknown;
  connect(name: 'alpha' | 'beta', on?: unknown): Promise<Session>;
  within(name: 'alpha' | 'beta', work: (session: Session) => Promise<unknown>, on?: unknown): Promise<unknown>;
  until(what: string, holds: () => unknown): Promise<void>;
  closeSessions(): Promise<unknown>;
  stop(): Promise<void>;
}

export interface Case {
  readonly id: string;
  readonly duty: string;
  readonly needs?: string;
  run(surroundings: Surroundings): Promise<void>;
}

/** Another adapter than it is. */
export interface Mutant {
  readonly what: string;
  readonly foundBy: readonly string[];
  readonly connect: (kit: Kit, surroundings: Surroundings, agent: { readonly key: string }, on?: unknown) => Promise<Session>;
}

const load = async <Exports>(file: string): Promise<Exports> => (await import(pathToFileURL(join(import.meta.dirname, file)).href)) as Exports;
export const { CASES } = await load<{ CASES: readonly Case[] }>('contract.mjs');
const { startSurroundings } = await load<{ startSurroundings: (kit: Kit) => Promise<Surroundings> }>('surroundings.mjs');
const CASE_MS_MAX = 120_000;
const MUTANT_LOOKS_MAX = 100;

export async function holdToContract(kitFile: string, mutants: readonly Mutant[] = []): Promise<void> {
  const { default: kit } = await load<{ default: Kit }>(kitFile);
  let surroundings: Surroundings;
  beforeAll(async () => { surroundings = await startSurroundings(kit); }, CASE_MS_MAX);
  afterEach(async () => { await surroundings.closeSessions(); });
  afterAll(async () => { await surroundings.stop(); }, CASE_MS_MAX);

  const asked = CASES.filter(({ needs }) => needs === undefined || kit.cannot[needs] === undefined);
  describe(`${kit.name}`, () => {
    it.each(asked.map((one) => [one.id, one.duty, one] as const))('%s: %s', { timeout: CASE_MS_MAX }, async (_id, _duty, one) => {
      await one.run(surroundings);
    });

    it('says why it is not asked the rest', () => {
      const needed = new Set(CASES.map(({ needs }) => needs));
      expect(Object.entries(kit.cannot).filter(([need, why]) => !needed.has(need) || why.length < 10)).toEqual([]);
      expect(asked.length).toBeGreaterThan(CASES.length - 4);
    });
  });

  describe.each(mutants)('an adapter $what', ({ foundBy, connect }) => {
    it.each(foundBy)('does not do %s', { timeout: CASE_MS_MAX }, async (id) => {
      const duty = asked.find((one) => one.id === id);
      expect(duty).toBeDefined();
      await expect(duty?.run(mutated(surroundings, kit, connect))).rejects.toThrow();
    });
  });
}

function mutated(surroundings: Surroundings, kit: Kit, connect: Mutant['connect']): Surroundings {
  const wrong: Kit = { ...kit, connect: (_adapter, agent, on) => connect(kit, surroundings, agent, on) };
  const connected: Surroundings['connect'] = (name, on) => wrong.connect(surroundings.adapter, surroundings.agents[name], on);
  return Object.assign(Object.create(surroundings) as Surroundings, {
    kit: wrong,
    connect: connected,
    within: async (name: 'alpha' | 'beta', work: (session: Session) => Promise<unknown>, on?: unknown) => work(await connected(name, on)),
    // What a mutant never brings about is not waited for as long as what is only slow.
    until: async (what: string, holds: () => unknown) => {
      for (let looks = 0; !(await holds()); looks++) {
        if (looks > MUTANT_LOOKS_MAX) throw new Error(what);
        await new Promise((resolve) => { setTimeout(resolve, 5); });
      }
    },
  });
}
