// Whose a key is, and that agent's own client of the gateway: one identity never calls with another's connection.
import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { GatewayClient } from '@precinct/sdk';
import { ApiError } from './errors.mjs';

/** @typedef {{ name: string, gateway: GatewayClient }} Agent */

export class Agents {
  /** @type {{ digest: Buffer, agent: Agent }[]} */
  #known;
  /** @type {AsyncLocalStorage<string | undefined>} */
  #trace = new AsyncLocalStorage();

  /** @param {import('./config.mjs').Config} config throws where an identity cannot be used */
  constructor({ clients, gateway, limits }) {
    this.#known = clients.map(({ name, key, identity }) => ({ digest: digestOf(key), agent: { name, gateway: new GatewayClient({ gatewayUrl: gateway.url, gatewaySpiffeId: gateway.spiffeId, caFile: gateway.caFile, clientName: 'precinct-openai-adapter', timeout: limits.call_timeout_s + limits.wait_for_approval_s, waitForApproval: limits.wait_for_approval_s, traceparent: () => this.#trace.getStore(), ...identityOf(identity) }) } }));
  }

  /** @param {string | undefined} authorization @returns {Agent} */
  find(authorization) {
    const key = /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1];
    const digest = digestOf(key ?? '');
    const found = this.#known.filter((one) => timingSafeEqual(one.digest, digest)); // all are compared: time says nothing of which
    if (key === undefined || found[0] === undefined) throw new ApiError(401, 'invalid_api_key', 'This key is not known here.', { type: 'authentication_error' });
    return found[0].agent;
  }

  /**
   * What `work` calls carries the client's own trace.
   * @template T @param {string | undefined} traceparent @param {() => Promise<T>} work @returns {Promise<T>}
   */
  within(traceparent, work) {
    return this.#trace.run(traceparent, work);
  }

  async close() {
    await Promise.all(this.#known.map(({ agent }) => agent.gateway.close()));
  }
}

function identityOf(/** @type {Record<string, string>} */ { spiffe_id, jwt_file, cert_file, key_file, workload_api, audience }) {
  return {
    ...(spiffe_id === undefined ? {} : { spiffeId: spiffe_id }),
    ...(jwt_file === undefined ? {} : { jwtSvid: () => readFileSync(jwt_file, 'utf8').trim() }),
    ...(cert_file === undefined ? {} : { certFile: cert_file, keyFile: key_file }),
    ...(workload_api === undefined ? {} : { workloadApi: workload_api }),
    ...(audience === undefined ? {} : { audience }),
  };
}

function digestOf(/** @type {string} */ key) {
  return createHash('sha256').update(key).digest();
}
