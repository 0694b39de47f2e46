// What layers 8 and 9 read of a call's message: the destinations that are given to its tool.
import type { MessageReader } from '../base/workers/message-reader.js';
import type { Context } from '../chain/context.js';
import { SENT_DESTINATIONS, sentJson as sentJsonOf } from '../engines/step-up/sent-destinations.js';

type Sent = Pick<Context, 'inbound' | 'snapshot'> & { readonly call: { readonly argumentsFrom: number; readonly argumentsTo: number } };
type Hosts = readonly string[];

export function sentJson({ inbound, call }: Omit<Sent, 'snapshot'>): string {
  return sentJsonOf(inbound.body, { from: call.argumentsFrom, to: call.argumentsTo });
}

/** The hosts that a call names as destinations (destinationsOf). Both layers judge by them, and they are read once. */
export function namedHosts(ctx: Sent & Pick<Context, 'namedHosts'>, reader: MessageReader): Hosts | Promise<Hosts> {
  if (ctx.namedHosts !== undefined) return ctx.namedHosts;
  const keep = (hosts: Hosts): Hosts => (ctx.namedHosts = hosts);
  const hosts = hostsOf(ctx, reader, false);
  return hosts instanceof Promise ? hosts.then(keep) : keep(hosts);
}

/** Wherever in a text they stand (destinationsAnywhere). */
export function hostsAnywhere(ctx: Sent, reader: MessageReader): Hosts | Promise<Hosts> {
  return hostsOf(ctx, reader, true);
}

function hostsOf({ inbound, call, snapshot }: Sent, reader: MessageReader, anywhere: boolean): Hosts | Promise<Hosts> {
  return reader.read(SENT_DESTINATIONS, inbound, { args: { from: call.argumentsFrom, to: call.argumentsTo }, anywhere }, snapshot.config.dlp.inline_bytes_max);
}
