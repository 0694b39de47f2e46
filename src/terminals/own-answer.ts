// An answer that the gateway puts together from what tool servers said: it crosses the response firewall like each of theirs.
import type { Exchange } from '../chain/exchange.js';
import { deny, type Deny } from '../chain/verdict.js';
import type { HeaderPairs } from '../front/types.js';
import { JSON_HEADERS, SSE_HEADERS } from '../mcp/media-types.js';
import { dataEvent } from '../mcp/message-events.js';
import type { Screened } from '../response/scanned.js';
import { HTTP_OK } from './answers.js';
import type { TerminalServices } from './services.js';

export interface OwnAnswer {
  readonly text: string;
  readonly headers?: HeaderPairs;
  /** The same answer without the servers' words, where one exists: one server's words must not keep clients from all others. */
  readonly withheld?: string;
  /** Where that is not known beforehand; undefined = there is none. */
  readonly without?: () => Promise<string | undefined>;
  /** A client that reads events gets one, as the servers sent it; headers are a stream's then. */
  readonly asEvents?: boolean;
}

const SCAN_FAILED: Deny = Object.freeze(deny('response_blocked', { reasonCode: 'scan_failed' }));

export function answerScreened(exchange: Exchange, services: TerminalServices, { text, headers = JSON_HEADERS, withheld, without, asEvents = false }: OwnAnswer): void {
  const release = (body: Uint8Array | string): void => {
    if (!asEvents || !exchange.readsEvents) return exchange.answer(HTTP_OK, headers, body);
    exchange.beginStream(HTTP_OK, SSE_HEADERS, () => {
      exchange.write(dataEvent(typeof body === 'string' ? Buffer.from(body) : body));
      exchange.endStream();
    });
  };
  const answer = (screened: Screened): void => {
    if (screened.kind === 'release') release(screened.bytes);
    else if (withheld !== undefined) release(withheld);
    else if (without === undefined) exchange.refuse(screened.refusal);
    else replace(without, screened.refusal);
  };
  const replace = (other: () => Promise<string | undefined>, refusal: Deny): void => {
    other().then(
      (rest) => exchange.guard(() => {
        if (rest === undefined) exchange.refuse(refusal);
        else answerScreened(exchange, services, { text: rest, headers, asEvents });
      }),
      () => exchange.refuse(SCAN_FAILED),
    );
  };
  const screened = screenOwn(exchange, services, text);
  if (!(screened instanceof Promise)) answer(screened);
  else screened.then((late) => exchange.guard(() => answer(late)), () => exchange.refuse(SCAN_FAILED));
}

/** What the firewall says of a text; its findings are the answer's. */
export function screenOwn(exchange: Exchange, services: TerminalServices, text: string): Screened | Promise<Screened> {
  const noted = (screened: Screened): Screened => {
    exchange.addFindings(screened.findings);
    return screened;
  };
  const screened = services.firewalls.ofAll(exchange.ctx.snapshot).screen(Buffer.from(text));
  return screened instanceof Promise ? screened.then(noted) : noted(screened);
}
