// What was written and is not what the gateway runs with: nobody should look for a fault in a rule that was never loaded.
import { changedKeys, needsRestart } from '../base/config/restart-keys.js';
import type { GatewayConfig } from '../base/config/schema.js';

export interface NotLoaded {
  /** What the gateway was started with. */
  readonly started: GatewayConfig;
  /** After the last reload. */
  readonly loaded: GatewayConfig;
  /** The file as it stands; throws when it is wrong. */
  readonly written: () => GatewayConfig;
  readonly configFile: string;
  /** Throws when a policy file can't be read. */
  readonly policiesDiffer: () => boolean;
}

/** One sentence each, with the command that helps. Files that are wrong are a reload's to name. */
export function describeNotLoaded({ started, loaded, written, configFile, policiesDiffer }: NotLoaded): string[] {
  const found: string[] = [];
  attempt(() => {
    const now = written();
    const restart = changedKeys(started, now).filter(needsRestart);
    const reload = changedKeys(loaded, now).filter((key) => !needsRestart(key));
    if (restart.length > 0) found.push(`${configFile}: ${restart.join(', ')} changed since the start and ${restart.length === 1 ? 'needs' : 'need'} a restart: make up`);
    if (reload.length > 0) found.push(`${configFile}: ${reload.join(', ')} changed and ${reload.length === 1 ? 'is' : 'are'} not loaded: agw reload`);
  });
  attempt(() => {
    if (policiesDiffer()) found.push('the policy files changed and are not loaded: agw policy reload');
  });
  return found;
}

function attempt(look: () => void): void {
  try {
    look();
  } catch {
    // Refused already, or when it is loaded.
  }
}
