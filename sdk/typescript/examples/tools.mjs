// What the gateway lets this caller see: node tools.mjs
import { GatewayClient } from '@precinct/sdk';

const client = new GatewayClient();
for (const { name, description } of await client.listTools()) console.log(`${name}: ${description ?? ''}`);
console.log(client.identity);
await client.close();
