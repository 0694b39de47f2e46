// What layer 9 lets an approver see of a call: the canonical arguments, without the credentials and personal data that layer 7 flagged in them.
import { isSecret, maskTokens } from '../engines/dlp/mask.js';
import type { DlpScanner } from '../engines/dlp/types.js';
import { keepArguments, type ShownArguments } from '../engines/step-up/arguments-shown.js';
import type { ApprovedArguments } from './approved-arguments.js';

/**
 * Where layer 7 found secrets, their places are masked already, and the result is kept only if a scan finds none in it: places are listed up to a limit, and one may
 * lie behind another. What is left goes by whole strings, and if that is not enough all of it is withheld, which the approver is told.
 */
export async function shownArguments({ beginning, length }: ApprovedArguments, hadSecrets: boolean, rules: DlpScanner): Promise<ShownArguments> {
  if (!hadSecrets || (await isClean(rules, beginning))) return keepArguments(beginning, length);
  const coarse = maskTokens(beginning, (text) => rules.scanText(text, '$'));
  const coarseLength = coarse.length + length - beginning.length;
  return (await isClean(rules, coarse)) ? keepArguments(coarse, coarseLength) : { text: '', length: coarseLength };
}

async function isClean(rules: DlpScanner, json: string): Promise<boolean> {
  return !(await rules.scan(Buffer.from(json), true)).some(isSecret);
}
