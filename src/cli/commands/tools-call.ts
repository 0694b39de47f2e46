// agw tools call: one governed call from the shell, through the gateway's own listener and all of its layers.
import { askingOptions } from '../asking.js';
import type { CommandSpec } from '../command.js';
import { CALLER_OPTIONS } from '../data-plane.js';

export const toolsCallCommands: readonly CommandSpec[] = [
  {
    path: 'tools call',
    summary: 'Call a tool through the gateway, as an agent does: all 13 layers, and a record',
    detail:
      'The call goes to the listener that agents use; without --as, --cert or --token-file the caller is the gateway\'s default identity. Text of the answer goes to stdout as it is, structured content as JSON; progress, and why a call was refused, to stderr. Exit code 3: the gateway refused the call. Exit code 2: nothing answered, or wrong usage.',
    arguments: [{ name: '<name>', about: 'the tool' }],
    options: [
      { flags: '--args <json>', about: 'the arguments: a JSON object, @file, or - for stdin (default {})' },
      ...CALLER_OPTIONS,
      ...askingOptions('what the tool\'s server speaks'),
      { flags: '--wait', about: 'where a person must approve: wait, and repeat the identical call when the gateway says so' },
      { flags: '--raw', about: 'print the JSON-RPC messages of the answer as they came' },
    ],
    examples: [
      'agw tools call my_tool --args \'{"query":"hello"}\' --as spiffe://poc.local/agents/mcp-client/my-agent/dev',
      'agw tools call my_tool --args @query.json --as my-agent --json | jq .result',
      'agw tools call bash --args \'{"command":"whoami"}\' --as my-agent --wait',
      'agw tools call my_tool --cert svid.pem --key svid.key --ca bundle.pem --era 2025-11-25',
    ],
    negative: 'the tool says that it failed, or its server answered with an error',
    run: async (context) => (await import('../tool-call.js')).callTool(context),
  },
];
