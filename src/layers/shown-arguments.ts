// What layer 9 lets an approver see of a call: the canonical arguments, without the credentials and personal data that layer 7 flagged in them.
import { canonicalArguments } from '../base/json/canonical.js';
import type { Ctx } from '../chain/layer.js';
import { isSecret, maskFindings, maskTokens } from '../engines/dlp/mask.js';
import type { DlpScanner } from '../engines/dlp/types.js';
import { ARGUMENTS_KEPT_MAX, keepArguments, type ShownArguments } from '../engines/step-up/arguments-shown.js';

type ShownCtx = Ctx<'call' | 'caller' | 'findings', never>;

/** Scanned beyond what is kept: a secret that the cut would halve must still be seen as one. */
const BEYOND_THE_CUT = 4_096;

/**
 * `canonical`: of the call's arguments. Where layer 7 found secrets, their places are masked, and the result is kept only if a scan finds none in it: places are listed up to a
 * limit, and one may lie behind another. What is left goes by whole strings, and if that is not enough all of it is withheld, which the approver is told.
 */
export async function shownArguments(ctx: ShownCtx, canonical: string): Promise<ShownArguments> {
  const secrets = ctx.findings.filter(isSecret);
  if (secrets.length === 0) return keepArguments(canonical);
  const { argumentsFrom, argumentsTo } = ctx.call;
  const { requestRules } = ctx.snapshot;
  const bytes = Buffer.from(maskFindings(ctx.inbound.body, argumentsFrom, argumentsTo, secrets));
  const masked = canonicalArguments(bytes, 0, bytes.length);
  const beginning = masked.slice(0, ARGUMENTS_KEPT_MAX + BEYOND_THE_CUT);
  if (await isClean(requestRules, beginning)) return keepArguments(beginning, masked.length);
  const coarse = maskTokens(beginning, (text) => requestRules.scanText(text, '$'));
  const length = coarse.length + masked.length - beginning.length;
  return (await isClean(requestRules, coarse)) ? keepArguments(coarse, length) : { text: '', length };
}

async function isClean(rules: DlpScanner, json: string): Promise<boolean> {
  return !(await rules.scan(Buffer.from(json), true)).some(isSecret);
}
