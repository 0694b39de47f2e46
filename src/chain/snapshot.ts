// What one request decides by: frozen at entry, swapped whole on reload.
import type { GatewayConfig } from '../base/config/schema.js';
import type { DlpScanner } from '../engines/dlp/types.js';
import type { IdentityTable } from '../engines/identity/types.js';
import type { PolicySet } from '../engines/policy/types.js';
import type { ToolRegistry } from '../engines/registry/types.js';
import type { Destinations } from '../engines/step-up/destinations.js';
import type { RiskThresholds } from '../engines/step-up/thresholds.js';

export interface SnapshotDigests {
  readonly policy: string;
  readonly registry: string;
  readonly rules: string;
  readonly identities: string;
  readonly thresholds: string;
}

export interface Snapshot {
  readonly version: number;
  readonly config: GatewayConfig;
  readonly policy: PolicySet;
  readonly registry: ToolRegistry;
  readonly requestRules: DlpScanner;
  readonly responseRules: DlpScanner;
  readonly identities: IdentityTable;
  readonly thresholds: RiskThresholds;
  readonly destinations: Destinations;
  readonly digests: SnapshotDigests;
}
