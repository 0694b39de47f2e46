// Confirms what a pattern found: checksums, ranges and entropy. Each gets the matched text, and the characters around it where they matter.
import type { Checksum } from './types.js';

type Check = (text: string, before: string, after: string) => boolean;

const CHECKS: Readonly<Record<Checksum, Check>> = { luhn: isCard, iban: isIban, ssn: isSsn, aba: isAbaRouting, nino: isNino };

export function passesChecksum(checksum: Checksum, text: string, before: string, after: string): boolean {
  return CHECKS[checksum](text, before, after);
}

/**
 * ISO/IEC 7812. The digits behind a decimal point, or before one, are a fraction and no card: one number in ten would pass. A comma is no such
 * point: it stands between the columns of a table and the items of a list far more often than in a fraction of sixteen digits.
 */
function isCard(text: string, before: string, after: string): boolean {
  if (/\d\.$/.test(before) || /^\.\d/.test(after)) return false;
  const digits = text.replace(/[ -]/g, '');
  if (/^(\d)\1*$/.test(digits)) return false;
  let sum = 0;
  for (let place = 0; place < digits.length; place++) {
    const digit = Number(digits[digits.length - 1 - place]);
    const doubled = place % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return digits.length >= 13 && digits.length <= 19 && sum % 10 === 0;
}

/** ISO 13616 registry: country → length. */
const IBAN_LENGTHS: Readonly<Record<string, number>> = {
  AD: 24, AE: 23, AL: 28, AT: 20, AZ: 28, BA: 20, BE: 16, BG: 22, BH: 22, BI: 27, BR: 29, BY: 28, CH: 21, CR: 22, CY: 28, CZ: 24, DE: 22, DJ: 27,
  DK: 18, DO: 28, EE: 20, EG: 29, ES: 24, FI: 18, FK: 18, FO: 18, FR: 27, GB: 22, GE: 22, GI: 23, GL: 18, GR: 27, GT: 28, HR: 21, HU: 28, IE: 22,
  IL: 23, IQ: 23, IS: 26, IT: 27, JO: 30, KW: 30, KZ: 20, LB: 28, LC: 32, LI: 21, LT: 20, LU: 20, LV: 21, LY: 25, MC: 27, MD: 24, ME: 22, MK: 19,
  MN: 20, MR: 27, MT: 31, MU: 30, NI: 28, NL: 18, NO: 15, OM: 23, PK: 24, PL: 28, PS: 29, PT: 25, QA: 29, RO: 24, RS: 22, RU: 33, SA: 24, SC: 31,
  SD: 18, SE: 24, SI: 19, SK: 24, SM: 27, SO: 23, ST: 25, SV: 28, TL: 23, TN: 24, TR: 26, UA: 29, VA: 22, VG: 24, XK: 20, YE: 30,
};

/** ISO 7064 mod 97-10. The pattern may have taken a following word along, so the country's length decides where the number ends. */
function isIban(text: string): boolean {
  const whole = text.replace(/[ .-]/g, '').toUpperCase();
  const length = IBAN_LENGTHS[whole.slice(0, 2)];
  if (length === undefined || whole.length < length) return false;
  const iban = whole.slice(0, length);
  let rest = 0;
  for (const character of iban.slice(4) + iban.slice(0, 4)) {
    const value = parseInt(character, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}

/** Numbers the Social Security Administration never gave out: areas 000, 666 and 900–999, group 00, serial 0000, and its published specimens. */
function isSsn(text: string): boolean {
  const digits = text.replace(/\D/g, '');
  const area = digits.slice(0, 3);
  if (digits.length !== 9 || area === '000' || area === '666' || area >= '900') return false;
  if (digits.slice(3, 5) === '00' || digits.slice(5) === '0000') return false;
  return digits !== '078051120' && digits !== '219099999' && !/^(\d)\1*$/.test(digits);
}

/** ABA routing numbers: weights 3, 7, 1, and a Federal Reserve prefix. */
function isAbaRouting(text: string): boolean {
  if (!/^\d{9}$/.test(text)) return false;
  const prefix = Number(text.slice(0, 2));
  const known = prefix <= 12 || (prefix >= 21 && prefix <= 32) || (prefix >= 61 && prefix <= 72) || prefix === 80;
  const sum = [...text].reduce((total, digit, place) => total + Number(digit) * ([3, 7, 1][place % 3] ?? 0), 0);
  return known && sum % 10 === 0 && !/^0+$/.test(text);
}

/** Prefixes HM Revenue and Customs doesn't use. */
function isNino(text: string): boolean {
  return !/^(?:BG|GB|KN|NK|NT|TN|ZZ)/i.test(text);
}

/** Shannon entropy in bits per character, and how many kinds of characters there are. */
export function passesEntropy(text: string, min: number, kinds: number): boolean {
  return kindsOf(text) >= kinds && entropyOf(text) >= min;
}

export function entropyOf(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}

function kindsOf(text: string): number {
  return [/[a-z]/, /[A-Z]/, /[0-9]/, /[^A-Za-z0-9]/].filter((kind) => kind.test(text)).length;
}
