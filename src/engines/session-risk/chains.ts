// Reads config/session_chains.yaml: what taints, what is inside, what an action adds to the risk.
import * as z from 'zod';
import { faultOfSchema } from '../../base/config/schema-faults.js';
import { parseYamlWithLines } from '../../base/config/yaml-lines.js';
import type { SessionChains } from './types.js';

/** A list that is gone through for each external call. */
const DESTINATIONS_MAX = 10_000;

const CLASSES = ['public', 'internal', 'confidential', 'sensitive'] as const;
const part = z.number().min(0).max(1).describe('0–1: what one such action adds.');

const schema = z.strictObject({
  taint_from: z.array(z.enum(CLASSES)).min(1).describe(`Classes whose data taints: of ${CLASSES.join(', ')}.`),
  internal_destinations: z.array(z.string().regex(/^(?:\*\.)?[A-Za-z0-9._:-]+$/)).max(DESTINATIONS_MAX).describe('Hosts that are inside: name, address, or *.suffix; no scheme, no port.'),
  risk: z.strictObject({
    level: z.strictObject({ low: part, medium: part, high: part, critical: part }).describe('By the tool\'s risk_level.'),
    classification: z.strictObject({ public: part, internal: part, confidential: part, sensitive: part }).describe('By the tool\'s classification.'),
    external: part,
  }).describe('What one action adds to the risk.'),
});

/** Throws ConfigFault. `file` is only named, not read. */
export function parseChains(text: string, file: string): SessionChains {
  const yaml = parseYamlWithLines(text, file);
  const parsed = schema.safeParse(yaml.value);
  if (!parsed.success) throw faultOfSchema(yaml, schema, parsed.error);
  const { taint_from, internal_destinations, risk } = parsed.data;
  return Object.freeze({ taintFrom: taint_from, internalDestinations: internal_destinations.map((host) => host.toLowerCase()), risk });
}
