// config/risk_thresholds.yaml: which score passes, is checked, needs a person, or is denied; and the gate of one call.
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { ConfigFault } from '../../base/config/fault.js';
import { faultOfSchema, joinFaults } from '../../base/config/schema-faults.js';
import { parseYamlWithLines } from '../../base/config/yaml-lines.js';
import type { StepUpGate, StepUpScore } from './types.js';

const SCORE_MAX = 12; // four dimensions of 0–3
const NOTHING = -1; // "up to −1" = no score at all

/** Greatest total of each gate; above `approval` is denied. */
export interface GateLimits {
  readonly pass: number;
  readonly checked: number;
  readonly approval: number;
}

/** Frozen, part of the snapshot. */
export interface RiskThresholds extends GateLimits {
  readonly tools: ReadonlyMap<string, GateLimits>;
  readonly digest: string;
}

const limit = (byDefault: number, reason: string) => z.number().int().min(NOTHING).max(SCORE_MAX).default(byDefault).describe(reason);
const toolLimit = () => z.number().int().min(NOTHING).max(SCORE_MAX).optional().describe('a total from -1 (none) to 12');
const toolSchema = z.strictObject({ pass: toolLimit(), checked: toolLimit(), approval: toolLimit() });
const fileSchema = z.strictObject({
  thresholds: z
    .strictObject({
      pass: limit(3, 'the greatest total that passes, -1 to 12'),
      checked: limit(6, 'the greatest total that passes once destination and guard were checked, -1 to 12'),
      approval: limit(9, 'the greatest total a person may approve, -1 to 12; above it is denied'),
    })
    .prefault({})
    .describe('pass, checked and approval'),
  tools: z.record(z.string(), toolSchema).nullish().describe('other limits for single tools, by name'),
});

/** Throws ConfigFault; every fault of the file is in it. An empty file means the defaults. */
export function parseThresholds(text: string, file: string): RiskThresholds {
  const yaml = parseYamlWithLines(text, file);
  const parsed = fileSchema.safeParse(yaml.value ?? {});
  if (!parsed.success) throw faultOfSchema(yaml, fileSchema, parsed.error);
  const { thresholds } = parsed.data;
  const faults: ConfigFault[] = [];
  const check = (limits: GateLimits, path: readonly string[]): void => {
    if (limits.pass <= limits.checked && limits.checked <= limits.approval) return;
    faults.push(new ConfigFault(`${path.join('.')}: pass ${limits.pass}, checked ${limits.checked}, approval ${limits.approval} do not rise.`, { file, ...yaml.placeOf(path), remedy: 'Each must be at least as great as the one before.' }));
  };
  check(thresholds, ['thresholds']);
  const tools = new Map<string, GateLimits>();
  for (const [name, own] of Object.entries(parsed.data.tools ?? {})) {
    const limits = Object.freeze({ pass: own.pass ?? thresholds.pass, checked: own.checked ?? thresholds.checked, approval: own.approval ?? thresholds.approval });
    check(limits, ['tools', name]);
    tools.set(name, limits);
  }
  if (faults.length > 0) throw joinFaults(faults);
  return Object.freeze({ ...thresholds, tools, digest: createHash('sha256').update(text).digest('hex') });
}

export interface GateFacts {
  readonly toolName: string;
  /** The tool's risk level is critical. */
  readonly critical: boolean;
  readonly requiresStepUp: boolean;
}

/** Critical tools and tools with requires_step_up always need a person, however low they score. */
export function gateOf(score: StepUpScore, facts: GateFacts, thresholds: RiskThresholds): StepUpGate {
  const limits = thresholds.tools.get(facts.toolName) ?? thresholds;
  if (!(score.total <= limits.approval)) return 'denied'; // so that NaN is denied, too
  if (score.total > limits.checked || facts.critical || facts.requiresStepUp) return 'approval';
  return score.total > limits.pass ? 'checked' : 'pass';
}
