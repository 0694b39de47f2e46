// What the tests of calls share: a small real server, and clients of it that repeat nothing.
import { inspect } from 'node:util';
import { afterAll, beforeEach } from 'vitest';
import { GatewayClient, PrecinctError, type ClientOptions } from '../../src/index.js';
import { ownSurroundings } from './own-surroundings.js';
import { startScripted, type Play, type ScriptedGateway } from './scripted-gateway.js';

export interface Calls {
  readonly gateway: ScriptedGateway;
  readonly client: (options?: ClientOptions) => GatewayClient;
  /** The error of one call that is answered so. */
  readonly callFails: (play: Play, options?: ClientOptions) => Promise<PrecinctError>;
}

/** For one file: it forgets before each test what came, and ends with the last. */
export async function startCalls(): Promise<Calls> {
  const gateway = await startScripted();
  const clients: GatewayClient[] = [];
  beforeEach(() => { gateway.seen.length = 0; });
  afterAll(async () => {
    await Promise.all(clients.map((one) => one.close()));
    await gateway.close();
  });
  const client = (options: ClientOptions = {}): GatewayClient => {
    const made = new GatewayClient({ gatewayUrl: gateway.url, surroundings: ownSurroundings(), maxRetries: 0, ...options });
    clients.push(made);
    return made;
  };
  const callFails = async (play: Play, options: ClientOptions = {}): Promise<PrecinctError> => {
    gateway.play(play);
    return failure(client(options).callTool('echo', { a: 1 }));
  };
  return { gateway, client, callFails };
}

export async function failure(run: Promise<unknown>): Promise<PrecinctError> {
  const error: unknown = await run.then(() => undefined, (reason: unknown) => reason);
  if (!(error instanceof PrecinctError)) throw new Error(`no PrecinctError: ${inspect(error)}`);
  return error;
}
