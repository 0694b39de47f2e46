// Tells what a program calls its secret by (`config.apiKey`, `ChannelCredentials`) from the secret: source code has the one where a setting has the other.

/** Longer is no name. */
const NAME_LENGTH_MAX = 120;
const PATH = /^[A-Za-z_$]+[0-9]?(?:\.[A-Za-z_$]+[0-9]?)*\.?$/;
const WORDS = /[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g;
/** No word of a language: too long, without a vowel, or with letters together that do not stand so. */
const NO_WORD = /^.{14}|^[^aeiouy]{4,}$|[^aeiouy]{5}|[aeiou]{4}|[jqxzvk][^aeiouylrsckh]|(.)\1\1/i;
/** Letters in a word, on average; random ones change their case every other letter. */
const WORD_LENGTH_MEAN = 3.5;
const WORDS_PER_SINGLE_LETTER = 8;
/** What code reads a setting from. */
const REFERENCE = /^(?:process\.env|import\.meta\.env|os\.environ|env|self|this|config|settings|secrets|request|req)\./i;
const PLACEHOLDER = /^your[_-]/i;

/** `reference`: only what is read from a setting or a member; `name`: any identifier or path of them. Of what stands in quotes, only `YOUR_…` is none. */
export const EXCEPTIONS = ['name', 'reference'] as const;
export type Exception = (typeof EXCEPTIONS)[number];

/** `before`: the characters before the value. Of random letters and digits, one value of twenty in ten thousand reads as a name, and none of more. */
export function isException(exception: Exception, text: string, before: string): boolean {
  if (PLACEHOLDER.test(text)) return readsAsWords(text.replaceAll('-', '_'));
  if (/["'`]$/.test(before)) return false;
  return (exception === 'name' || REFERENCE.test(text)) && readsAsWords(text);
}

function readsAsWords(text: string): boolean {
  if (text.length > NAME_LENGTH_MAX || !PATH.test(text)) return false;
  const words = text.match(WORDS) ?? [];
  if (words.some((word) => NO_WORD.test(word))) return false;
  const letters = words.reduce((sum, word) => sum + word.length, 0);
  const singles = words.filter((word) => word.length === 1).length;
  return letters >= words.length * WORD_LENGTH_MEAN && singles * WORDS_PER_SINGLE_LETTER <= words.length;
}
