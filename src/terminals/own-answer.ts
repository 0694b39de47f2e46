// An answer that the gateway puts together from what tool servers said: it crosses the response firewall like each of theirs.
import type { Exchange } from '../chain/exchange.js';
import { deny } from '../chain/verdict.js';
import type { HeaderPairs } from '../front/types.js';
import { JSON_HEADERS } from '../mcp/media-types.js';
import { createResponseFirewall } from '../response/index.js';
import type { Screened } from '../response/scanned.js';
import { HTTP_OK, limitsOf } from './answers.js';
import type { TerminalServices } from './services.js';

export interface OwnAnswer {
  readonly text: string;
  readonly headers?: HeaderPairs;
  /** The same answer without the servers' words, where one exists: one server's words must not keep clients from all others. */
  readonly withheld?: string;
}

export function answerScreened(exchange: Exchange, services: TerminalServices, { text, headers = JSON_HEADERS, withheld }: OwnAnswer): void {
  const { snapshot } = exchange.ctx;
  const release = (screened: Screened): void => {
    exchange.addFindings(screened.findings);
    if (screened.kind === 'release') exchange.answer(HTTP_OK, headers, screened.bytes);
    else if (withheld === undefined) exchange.refuse(screened.refusal);
    else exchange.answer(HTTP_OK, headers, withheld);
  };
  const secrets = snapshot.registry.upstreams.flatMap((url) => services.sentSecrets.of(url));
  const screened = createResponseFirewall(snapshot.responseRules, services.jsonGuard, limitsOf(snapshot.config), secrets).screen(Buffer.from(text));
  if (!(screened instanceof Promise)) release(screened);
  else screened.then((late) => exchange.guard(() => release(late)), () => exchange.refuse(deny('response_blocked', { reasonCode: 'scan_failed' })));
}
