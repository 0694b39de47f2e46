// config/identities.yaml → the frozen table of registered identities, or a ConfigFault that names the line.
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { ConfigFault } from '../../base/config/fault.js';
import { faultOfSchema, joinFaults } from '../../base/config/schema-faults.js';
import { parseYamlWithLines, type KeyPath, type YamlFile } from '../../base/config/yaml-lines.js';
import { parseWorkloadId, trustDomainOf } from './spiffe-id.js';
import type { IdentityTable, RegisteredIdentity, SpiffeId } from './types.js';

/** A table of more is a directory service's job; the bound keeps a reload short. */
const IDENTITIES_MAX = 100_000;
/** A description is shown in one line of a table. */
const DESCRIPTION_LENGTH_MAX = 500;

const fileSchema = z.strictObject({
  default: z.string().nullish().describe('the SPIFFE ID of a caller that offers no evidence, dev profile only'),
  identities: z
    .array(
      z.strictObject({
        spiffe_id: z.string().describe('spiffe://<trust-domain>/agents/mcp-client/<agent>/<env>'),
        description: z.string().max(DESCRIPTION_LENGTH_MAX).nullish().describe('one line for people'),
      }),
    )
    .max(IDENTITIES_MAX)
    .nullish()
    .describe('a list of entries with spiffe_id and description'),
});

type FileValue = z.infer<typeof fileSchema>;

/** Throws ConfigFault; every fault of the file is in it. `file` is only named. */
export function parseIdentities(text: string, file: string, trustDomain: string): IdentityTable {
  const yaml = parseYamlWithLines(text, file);
  const parsed = fileSchema.safeParse(yaml.value ?? {});
  if (!parsed.success) throw faultOfSchema(yaml, fileSchema, parsed.error);
  const faults: ConfigFault[] = [];
  const identities = readIdentities(parsed.data, yaml, trustDomain, faults);
  const known = new Set<string>(identities.map((identity) => identity.spiffeId));
  const defaultIdentity = readDefault(parsed.data, yaml, trustDomain, known, faults);
  if (faults.length > 0) throw joinFaults(faults);
  return Object.freeze({
    trustDomain,
    defaultIdentity,
    identities: Object.freeze(identities),
    digest: createHash('sha256').update(text).digest('hex'),
    has: (id: string) => known.has(id),
  });
}

function readIdentities(value: FileValue, yaml: YamlFile, trustDomain: string, faults: ConfigFault[]): RegisteredIdentity[] {
  const seen = new Set<string>();
  const identities: RegisteredIdentity[] = [];
  for (const [at, entry] of (value.identities ?? []).entries()) {
    const path = ['identities', at, 'spiffe_id'];
    const spiffeId = readId(entry.spiffe_id, yaml, path, trustDomain, faults);
    if (spiffeId === undefined) continue;
    if (seen.has(spiffeId)) faults.push(faultAt(yaml, path, `${spiffeId} is registered twice.`, 'Remove one of the entries.'));
    seen.add(spiffeId);
    identities.push(Object.freeze({ spiffeId, description: entry.description ?? '' }));
  }
  return identities;
}

function readDefault(value: FileValue, yaml: YamlFile, trustDomain: string, known: ReadonlySet<string>, faults: ConfigFault[]): SpiffeId | undefined {
  if (value.default === undefined || value.default === null) return undefined;
  const id = readId(value.default, yaml, ['default'], trustDomain, faults);
  if (id !== undefined && !known.has(id)) {
    faults.push(faultAt(yaml, ['default'], `default: ${id} is not registered.`, 'Add it under identities:, or remove default:.'));
  }
  return id;
}

function readId(text: string, yaml: YamlFile, path: KeyPath, trustDomain: string, faults: ConfigFault[]): SpiffeId | undefined {
  const id = parseWorkloadId(text);
  if (id === undefined) {
    faults.push(faultAt(yaml, path, `${JSON.stringify(text.slice(0, 100))} is not the SPIFFE ID of a workload.`, `Write spiffe://${trustDomain}/agents/mcp-client/<agent>/<env>.`));
    return undefined;
  }
  if (trustDomainOf(id) === trustDomain) return id;
  faults.push(faultAt(yaml, path, `${id} is of another trust domain than ${trustDomain}.`, 'Change the identity, or identity.trust_domain in gateway.yaml.'));
  return undefined;
}

function faultAt(yaml: YamlFile, path: KeyPath, message: string, remedy: string): ConfigFault {
  return new ConfigFault(message, { file: yaml.file, ...yaml.placeOf(path), remedy });
}
