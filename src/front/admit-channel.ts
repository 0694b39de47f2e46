// Which GET may open a channel: framing, Host, Origin, and room for one more of its address.
import type { PeerEvidence } from '../engines/identity/types.js';
import { InboundMessage } from './inbound.js';
import type { HeaderIntake } from './inbound-headers.js';
import { McpChannel } from './mcp-channel.js';
import { readPeerEvidence } from './peer-evidence.js';
import { answerPlain } from './plain-answers.js';
import { readFraming } from './read-body.js';
import { FRAMING_PLAIN, overloadReason, refuseEarly, type ChannelLimits, type RouteContext } from './routes.js';
import type { HttpResponse } from './uws-types.js';

export interface AdmittedChannel {
  readonly channel: McpChannel;
  readonly evidence: PeerEvidence;
}

/** Undefined: it was refused, and has its answer. What is returned counts for nothing before it is opened. */
export function admitChannel(context: RouteContext, limits: ChannelLimits, response: HttpResponse, headers: HeaderIntake, route: { readonly path: string; readonly agent: string; readonly env: string }): AdmittedChannel | undefined {
  const framing = readFraming(headers.contentLength, headers.transferEncoding);
  if (!framing.ok || framing.announced !== 0) return void answerPlain(response, { status: 400, json: FRAMING_PLAIN, close: true });
  const evidence = readPeerEvidence(response, context.gate.addressOf(response), headers, context, route.agent, route.env);
  const inbound = new InboundMessage('GET', route.path, evidence, headers, context.nowUs());
  const strange = context.admission.check(headers.host, headers.hostLines, headers.origin);
  if (strange !== undefined) return void refuseEarly(context, response, headers, inbound, 'origin_rejected', strange, 'closes');
  const peer = context.peers.of(evidence.ip);
  const crowded = peer.channels >= limits.perIpMax ? 'websockets_per_ip' : overloadReason(context, peer, inbound.receivedUs);
  if (crowded !== undefined) return void refuseEarly(context, response, headers, inbound, 'gateway_overloaded', crowded, 'closes');
  return { channel: new McpChannel(context, limits, { path: route.path, evidence, peer }), evidence };
}
