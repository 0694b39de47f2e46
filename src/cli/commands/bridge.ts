// agw bridge: the gateway as a stdio MCP server, for clients that can start a program and cannot open a URL.
import type { CommandSpec } from '../command.js';
import { CALLER_OPTIONS } from '../data-plane.js';

export const bridgeCommands: readonly CommandSpec[] = [
  {
    path: 'bridge',
    summary: 'The gateway as a stdio MCP server, for clients that start a program instead of opening a URL',
    detail:
      'Relays each line of stdin to the gateway\'s listener and what comes back to stdout, byte for byte, in whichever version of MCP the client speaks; messages for people go to stderr. It ends with its client (end of stdin, SIGTERM). ' +
      'Where the gateway is: --gateway with a URL, else PRECINCT_GATEWAY_URL, else what the control socket says. While it is down each request is answered with an error, and the next is tried again. ' +
      'Who calls, the first that is there: an option; PRECINCT_CERT_FILE with PRECINCT_KEY_FILE (and PRECINCT_CA_FILE), PRECINCT_JWT_SVID, PRECINCT_SPIFFE_ID; the Workload API (--workload-api, or SPIFFE_ENDPOINT_SOCKET): its X.509-SVID for https, else a JWT-SVID; PRECINCT_JWT_FILE, or PRECINCT_SVID_DIR with svid.pem, svid_key.pem and bundle.pem; else the gateway\'s default identity. Files are read again when they change.',
    options: [
      ...CALLER_OPTIONS,
      { flags: '--workload-api <socket>', about: 'a SPIFFE Workload API that says who calls: unix:///path, or tcp://address:port' },
      { flags: '--svid <spiffe-id>', about: 'which of several SVIDs of the Workload API (default: its first)' },
      { flags: '--audience <audience>', about: 'of JWT-SVIDs from the Workload API (default: the gateway\'s origin)' },
      { flags: '--gateway-id <spiffe-id>', about: 'the SPIFFE ID that the gateway\'s certificate must have, instead of its host\'s name' },
      { flags: '--timeout <seconds>', about: 'for one request (default: as long as the client waits)' },
    ],
    examples: [
      'agw bridge --gateway http://localhost:9090 --as my-agent',
      'agw bridge --gateway https://gateway.example:9443 --workload-api unix:///run/spire/agent.sock --gateway-id spiffe://poc.local/gateway',
      'agw bridge --gateway https://gateway.example:9443 --cert svid.pem --key svid.key --ca bundle.pem',
    ],
    run: async (context) => (await import('../bridge/run.js')).runBridge(context),
  },
];
