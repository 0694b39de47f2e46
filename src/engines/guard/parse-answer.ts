// What a guard model said, made strict: a known label or a number; anything else is no answer, and no answer refuses.

export interface GuardOpinion {
  readonly label: string;
  /** 0 benign – 1 unsafe. */
  readonly score: number;
}

const UNSAFE = ['INJECTION', 'JAILBREAK', 'MALICIOUS', 'UNSAFE'] as const;
const BENIGN = ['BENIGN', 'SAFE'] as const;

/** A chat answer is one word or one number; a model that explains itself was perhaps talked into it by the text. */
export function parseChatAnswer(body: unknown): GuardOpinion | undefined {
  const content = at(at(at(at(body, 'choices'), 0), 'message'), 'content');
  return typeof content === 'string' ? parseWord(content) : undefined;
}

function parseWord(content: string): GuardOpinion | undefined {
  const word = content.trim().replace(/\.$/, '').toUpperCase();
  if (isOneOf(UNSAFE, word)) return { label: word, score: 1 };
  if (isOneOf(BENIGN, word)) return { label: 'BENIGN', score: 0 };
  return /^(?:0(?:\.\d{1,10})?|1(?:\.0{1,10})?)$/.test(word) ? { label: 'SCORE', score: Number(word) } : undefined;
}

/** `{label, score}`, a list of them, or a list in a list (as pipelines answer one text). The score is the label's own probability. */
export function parseClassifyAnswer(body: unknown): GuardOpinion | undefined {
  const entries = Array.isArray(body) ? (body as unknown[]).flat() : [body];
  const opinions = entries.map(parseEntry);
  if (opinions.length === 0 || opinions.includes(undefined)) return undefined;
  return opinions.reduce((worst, opinion) => (rank(opinion) > rank(worst) ? opinion : worst));
}

/** Of equal scores the label that names the danger. */
function rank(opinion: GuardOpinion | undefined): number {
  return opinion === undefined ? -1 : opinion.score + (isOneOf(UNSAFE, opinion.label) ? Number.EPSILON * 4 : 0);
}

function parseEntry(entry: unknown): GuardOpinion | undefined {
  const label = at(entry, 'label');
  const score = at(entry, 'score');
  if (typeof label !== 'string' || typeof score !== 'number' || !(score >= 0 && score <= 1)) return undefined;
  const word = label.toUpperCase();
  if (isOneOf(BENIGN, word)) return { label: word, score: 1 - score };
  return isOneOf(UNSAFE, word) ? { label: word, score } : undefined;
}

function isOneOf(words: readonly string[], word: string): boolean {
  return words.includes(word);
}

function at(value: unknown, key: string | number): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? (value as Record<string | number, unknown>)[key] : undefined;
}
