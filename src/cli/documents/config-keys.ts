// The config schema as a flat list of keys with default, allowed values and reason: what the pages and gateway.yaml are made of.
import * as z from 'zod';
import { gatewayConfigSchema } from '../../base/config/schema.js';
import { listOf, member, numberOf, recordOf, textOf, type JsonRecord } from '../reading.js';

export interface ConfigKey {
  readonly section: string | undefined;
  readonly key: string;
  readonly default: unknown;
  readonly allowed: string;
  readonly reason: string;
}

export interface ConfigSection {
  /** Undefined for the keys at the top. */
  readonly name: string | undefined;
  readonly reason: string;
  readonly keys: readonly ConfigKey[];
}

export function configJsonSchema(): JsonRecord {
  return recordOf(z.toJSONSchema(gatewayConfigSchema, { io: 'input' }));
}

/** In the schema's order; the keys at the top come first, as one section. */
export function configSections(): ConfigSection[] {
  const top: ConfigKey[] = [];
  const sections: ConfigSection[] = [];
  for (const [name, schema] of Object.entries(recordOf(configJsonSchema()['properties']))) {
    const properties = member(schema, 'properties');
    if (properties === undefined) top.push(keyOf(undefined, name, schema));
    else sections.push({ name, reason: textOf(schema, 'description'), keys: Object.entries(recordOf(properties)).map(([key, value]) => keyOf(name, key, value)) });
  }
  return [{ name: undefined, reason: 'The gateway as a whole.', keys: top }, ...sections];
}

function keyOf(section: string | undefined, key: string, schema: unknown): ConfigKey {
  return { section, key, default: member(schema, 'default'), allowed: allowedOf(schema), reason: textOf(schema, 'description') };
}

function allowedOf(schema: unknown): string {
  const words = listOf(schema, 'enum');
  if (words.length > 0) return words.join(', ');
  const type = textOf(schema, 'type');
  if (type === 'integer' || type === 'number') return `${numberOf(schema, 'minimum') ?? ''}–${numberOf(schema, 'maximum') ?? ''}`;
  if (type === 'boolean') return 'true, false';
  return type === 'array' ? 'a list of texts' : 'text';
}
