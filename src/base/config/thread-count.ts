// How many gateway threads the config asks for on this machine.
import { availableParallelism } from 'node:os';
import { GATEWAY_THREADS_MAX, type GatewayConfig } from './schema.js';

/** One core is left to the audit writer and the control thread, which together take less than one. */
export function gatewayThreads({ threads }: Pick<GatewayConfig, 'threads'>, cores: number = availableParallelism()): number {
  return threads.gateway === 0 ? Math.min(GATEWAY_THREADS_MAX, Math.max(1, cores - 1)) : threads.gateway;
}
