// A session in which the server may ask its client: node session.mjs TOOL '{}'
import { GatewayClient } from '@precinct/sdk';

const [tool = 'my_tool', args = '{}'] = process.argv.slice(2);
const client = new GatewayClient();
try {
  const session = await client.session({
    onRequest: ({ method }) => {
      if (method === 'roots/list') return { roots: [] };
      if (method === 'elicitation/create') return { action: 'decline' };
      return undefined;
    },
  });
  console.log((await session.callTool(tool, JSON.parse(args))).text);
} finally {
  await client.close();
}
