// How long and in which era the gateway is asked as an agent asks: the options that such commands share.
import { LEGACY_VERSIONS, MODERN_VERSIONS } from '../mcp/versions.js';
import type { CommandContext, OptionSpec } from './command.js';
import { CliFailure } from './failure.js';

/** What `--era` may be: the newest version of each. */
const ERAS = { modern: MODERN_VERSIONS[0] ?? '', legacy: LEGACY_VERSIONS[0] ?? '' } as const;
export type EraName = keyof typeof ERAS;
const TIMEOUT_DEFAULT_S = 120;
const TIMEOUT_MAX_S = 86_400;
const MS_PER_SECOND = 1000;

/** `unsaid`: which era it is without --era. */
export function askingOptions(unsaid: string): readonly OptionSpec[] {
  return [
    { flags: '--era <version>', about: `the protocol: ${ERAS.modern}, one stateless request, or ${ERAS.legacy}, a session around it (default: ${unsaid})`, choices: Object.values(ERAS) },
    { flags: '--timeout <seconds>', about: `for one try (default ${TIMEOUT_DEFAULT_S})` },
  ];
}

/** `--era`, or the one that is right where nothing was said. */
export function eraOf({ option }: Pick<CommandContext, 'option'>, unsaid: EraName): string {
  return option('era') ?? ERAS[unsaid];
}

export function timeoutOf(context: Pick<CommandContext, 'option'>): number {
  return givenTimeoutOf(context) ?? TIMEOUT_DEFAULT_S * MS_PER_SECOND;
}

/** undefined = nothing was said. */
export function givenTimeoutOf({ option }: Pick<CommandContext, 'option'>): number | undefined {
  const text = option('timeout');
  if (text === undefined) return undefined;
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= TIMEOUT_MAX_S)) throw new CliFailure(`--timeout ${text} is no number of seconds up to ${TIMEOUT_MAX_S}.`, { code: 'usage' });
  return seconds * MS_PER_SECOND;
}
