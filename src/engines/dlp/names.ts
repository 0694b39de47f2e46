// Tells what a program calls its secret by (`config.apiKey`, `ChannelCredentials`) from the secret: source code has the one where a setting has the other.

/** Longer is no name. */
const NAME_LENGTH_MAX = 120;
const PATH = /^[A-Za-z_$]+[0-9]?(?:\.[A-Za-z_$]+[0-9]?)*\.?$/;
const WORDS = /OAuth|[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g;
/** No word of a language: too long, without a vowel, or with letters together that do not stand so. */
const NO_WORD = /^.{16}|^[^aeiouy]{4,}$|[^aeiouy]{5}|[aeiou]{4}|[jqzv](?!wt)[^aeiouylrsckh]|k[^aeiouylrsckhfnp]|x[^aeiouylrsckhpt]|(.)\1\1/i;
/** Letters in a word, on average; random ones change their case every other letter. */
const WORD_LENGTH_MEAN = 3.5;
const WORDS_PER_SINGLE_LETTER = 8;
/** What code reads a setting from. */
const REFERENCE = /^(?:process\.env|import\.meta\.env|os\.environ|env|self|this|config|settings|secrets|request|req)\./i;
/** Of a shell. */
const VARIABLE = /^\$[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/;
const PLACEHOLDER = /^your[_-]/i;
/** A file or a route: letters and few digits behind them, two signs between at least, and one of them a slash, which passphrases have not. */
const FILE_OR_ROUTE = /^(?=.*\w\/\w)\/?(?:[A-Za-z]+[0-9]{0,2}|[0-9]{1,4})(?:[_/-](?:[A-Za-z]+[0-9]{0,2}|[0-9]{1,4})){2,}\/?$/;
/** `v1`, `S3`: parts of such names that are no words. */
const SHORT_PART = /(?<![A-Za-z0-9])[A-Za-z][0-9]{1,2}(?![A-Za-z0-9])/g;

/**
 * `reference`: only what is read from a setting, a member or a variable; `path`: any identifier or path of them, and files and routes, also in
 * quotes. Of what else stands in quotes, only `YOUR_…` is none.
 */
export const EXCEPTIONS = ['reference', 'path'] as const;
export type Exception = (typeof EXCEPTIONS)[number];

/** `before`: the characters before the value. Of random letters and digits, one value of twenty in ten thousand reads as a name, and none of more. */
export function isException(exception: Exception, text: string, before: string): boolean {
  if (PLACEHOLDER.test(text)) return readsAsWords(text.replaceAll('-', '_'));
  if (exception === 'path' && FILE_OR_ROUTE.test(text) && isOfWords(text.replace(SHORT_PART, ''))) return true;
  if (/["'`]$/.test(before)) return false;
  if (VARIABLE.test(text)) return isOfWords(text.replace(SHORT_PART, ''));
  return (exception === 'path' || REFERENCE.test(text)) && readsAsWords(text);
}

function readsAsWords(text: string): boolean {
  return PATH.test(text) && isOfWords(text);
}

function isOfWords(text: string): boolean {
  if (text.length > NAME_LENGTH_MAX) return false;
  const words = text.match(WORDS) ?? [];
  if (words.some((word) => NO_WORD.test(word))) return false;
  const letters = words.reduce((sum, word) => sum + word.length, 0);
  const singles = words.filter((word) => word.length === 1).length;
  return words.length > 0 && letters >= words.length * WORD_LENGTH_MEAN && singles * WORDS_PER_SINGLE_LETTER <= words.length;
}
