// What the gateway says of where it is: the listener that there is, and the port that was bound.
import { afterEach, expect, it } from 'vitest';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';

let gateway: GatewayProcess | undefined;
afterEach(async () => gateway?.stop());

it('the metadata document and WWW-Authenticate name the bound port', async () => {
  gateway = await startGateway({ policies: { 'all.rego': permitAll() }, tools: [] });
  const path = '/.well-known/oauth-protected-resource';
  expect((await gateway.http('GET', path)).json['resource']).toBe(`${gateway.url}/`);
  const refused = await gateway.http('POST', '/', { 'content-type': 'application/json', authorization: 'Bearer a.b.c' }, '{"jsonrpc":"2.0","id":1,"method":"tools/list"}');
  expect([refused.status, refused.headers['www-authenticate']]).toEqual([401, expect.stringContaining(`resource_metadata="${gateway.url}${path}"`)]);
});
