// config/gateway.yaml → one frozen GatewayConfig, or ConfigFault with every fault of the file. Nothing is half loaded.
import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import * as z from 'zod';
import { checkTexts } from './check-texts.js';
import { checkTogether } from './check-together.js';
import type { Environment } from './environment.js';
import { ConfigFault, WHOLE_FILE, type FaultPlace } from './fault.js';
import { faultOfSchema, joinFaults, unwrap } from './schema-faults.js';
import { gatewayConfigSchema, type GatewayConfig } from './schema.js';
import { parseYamlWithLines, type KeyPath } from './yaml-lines.js';

/** The folder that holds `config/`: every relative path of the config starts there. */
export function projectRoot(configFile: string): string {
  return dirname(dirname(resolve(configFile)));
}

/** An absolute path for one written in the config. */
export function resolveInProject(root: string, path: string): string {
  return isAbsolute(path) ? path : resolve(root, path);
}

/** `environment.stateDir` wins over `state_dir`. Throws ConfigFault. */
export function loadGatewayConfig(file: string, environment?: Pick<Environment, 'stateDir'>): GatewayConfig {
  const config = parseGatewayConfig(readText(file), shownPath(file));
  return environment?.stateDir === undefined ? config : deepFreeze({ ...config, state_dir: resolve(environment.stateDir) });
}

/** As a person would type it from where they stand. */
export function shownPath(file: string): string {
  const short = relative(process.cwd(), resolve(file));
  return short === '' || short.startsWith('..') ? file : short;
}

/** Where a key of the config file stands, for a fault that only shows later. */
export function placeInConfig(file: string, key: KeyPath): FaultPlace {
  return { file: shownPath(file), ...parseYamlWithLines(readText(file), file).placeOf(key) };
}

/** The same from text; `file` is what faults name. */
export function parseGatewayConfig(text: string, file: string): GatewayConfig {
  const yaml = parseYamlWithLines(text, file);
  const result = gatewayConfigSchema.safeParse(emptyIsDefault(yaml.value), { error: explainIssue });
  if (!result.success) throw faultOfSchema(yaml, gatewayConfigSchema, result.error);
  const faults = [...checkTexts(result.data), ...checkTogether(result.data)].map((fault) => new ConfigFault(fault.message, { file, ...yaml.placeOf(fault.path), remedy: fault.remedy }));
  if (faults.length > 0) throw joinFaults(faults);
  return deepFreeze(result.data);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const message = code === 'ENOENT' ? 'there is no such file.' : `the file cannot be read (${code ?? 'unknown error'}).`;
    throw new ConfigFault(message, { file, ...WHOLE_FILE, remedy: 'Name another one with --config FILE.' });
  }
}

/** An empty file, and a section whose keys are all commented out, mean the defaults. */
function emptyIsDefault(value: unknown): unknown {
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value)) return value;
  const isSection = (key: string): boolean => unwrap(gatewayConfigSchema.shape[key as keyof GatewayConfig]) instanceof z.ZodObject;
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, held === null && Object.hasOwn(gatewayConfigSchema.shape, key) && isSection(key) ? {} : held]));
}

/** Says what was found beside what is allowed; zod's own text leaves it out. */
function explainIssue(issue: z.core.$ZodRawIssue): string | undefined {
  const found = z.core.util.stringifyPrimitive(issue.input as z.core.util.Primitive);
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${article(issue.expected)}, found ${typeof issue.input === 'object' ? kindOf(issue.input) : found}`;
    case 'invalid_value':
      return `${found} is not one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `${found} is less than ${String(issue.minimum)}`;
    case 'too_big':
      return `${found} is more than ${String(issue.maximum)}`;
    default:
      return undefined;
  }
}

function article(kind: string): string {
  if (kind === 'int') return 'a whole number';
  if (kind === 'object') return 'a group of keys';
  return kind === 'array' ? 'a list' : `a ${kind}`;
}

function kindOf(value: unknown): string {
  if (value === null) return 'nothing';
  return Array.isArray(value) ? 'a list' : 'a group of keys';
}

export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
