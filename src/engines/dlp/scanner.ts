// The DLP scanner: every reading of a message goes through the matcher once; only hits are looked at closer (SPEC section 7).
import { createHash } from 'node:crypto';
import type { Matcher, Pattern } from '../../base/matcher/types.js';
import { loadSurvey } from '../../base/text/survey.js';
import { isAmidBase64 } from './amid-base64.js';
import { confirmMatches } from './confirm.js';
import { createFoundList, type Found, type FoundList } from './findings.js';
import { locateInJson } from './locate.js';
import { forEachView } from './views.js';
import type { Range } from './transforms.js';
import type { DlpActions, DlpRule, DlpScanner, LocatedFinding, PooledScan } from './types.js';

/** Scans elsewhere, over a copy; `bytes` must stay as they are until it settles. Rejects when it can't: the caller refuses. */
export interface ScanPool {
  /** `argumentsAt`: their digest is wanted too. Rejects at once where too many wait: a request can come again. */
  scanRequest(bytes: Uint8Array, escapes: boolean, argumentsAt: Range | undefined): Promise<PooledScan>;
  /** Waits for room, however many wait: what a tool has answered can't come again. */
  scan(bytes: Uint8Array, escapes: boolean): Promise<LocatedFinding[]>;
}

/**
 * So many times larger may a text be that holds nothing to decode and nothing that a rule looks for: it is read once, where others are decoded and read three
 * times and more, and takes the event loop no longer (256 KiB of words 0.3 ms, 16 KiB of base64 0.2 ms). The way to the pool costs as much as 200 KiB of it.
 */
const PLAIN_FACTOR = { hyperscan: 16, re2: 4 } as const;

export interface DlpScannerOptions {
  readonly rules: readonly DlpRule[];
  readonly actions: DlpActions;
  /** Built from `toPatterns(rules)`. The scanner closes it. */
  readonly matcher: Matcher;
  /** Undefined in a worker, where everything is inline. */
  readonly pool: ScanPool | undefined;
  /** Larger messages go to the pool, unless one look says that they are read once (PLAIN_FACTOR); 0 sends all there. */
  readonly inlineBytesMax: number;
  readonly findingsMax: number;
}

/** Pattern id = the rule's place in the list. */
export function toPatterns(rules: readonly DlpRule[]): Pattern[] {
  return rules.map((rule, id) => ({ id, source: rule.pattern, trigger: rule.trigger, caseless: rule.caseless, keywords: rule.keywords }));
}

/** SHA-256 over all that decides what is found: for records, and to know equal rules in workers. */
export function digestRules(rules: readonly DlpRule[], actions: DlpActions): string {
  const facts = rules.map((rule) => [rule.id, rule.category, rule.pattern, rule.trigger, rule.caseless, rule.keywords, rule.checksum, rule.entropy, rule.except]);
  return createHash('sha256').update(JSON.stringify([facts, actions.credentials, actions.injection, actions.pii])).digest('hex');
}

export function createDlpScanner(options: DlpScannerOptions): DlpScanner {
  const { rules, actions, matcher, pool, inlineBytesMax, findingsMax } = options;
  const survey = loadSurvey();

  function find(bytes: Uint8Array, escapes: boolean): Found[] {
    let found: FoundList | undefined;
    forEachView(bytes, escapes, survey, (view) => {
      for (const id of matcher.candidates(view.bytes)) {
        const rule = rules[id];
        if (rule === undefined) throw new RangeError(`the matcher reports pattern ${id}, which no rule has`);
        const action = actions[rule.category];
        const list = (found ??= createFoundList(findingsMax));
        confirmMatches(matcher, id, rule, view.bytes, (match) => {
          // Chance, far more often than not: noted, but no image is refused or cut for it. What the rule finds elsewhere counts in full.
          const isChance = rule.category === 'credentials' && isAmidBase64(view.bytes, match.from, match.to);
          return list.add(rule, isChance ? 'flag' : action, view.toRaw(match.from, match.to), match, view.labelAt(match.from)) || isChance;
        });
      }
    });
    return found?.list() ?? [];
  }

  function scanInline(bytes: Uint8Array, escapes: boolean): LocatedFinding[] {
    const found = find(bytes, escapes);
    return found.length === 0 ? [] : placeInJson(bytes, found);
  }

  const plainBytesMax = inlineBytesMax * PLAIN_FACTOR[matcher.engine];
  /** One reading has said it all. What a hit is worth takes fifty times as long to find out: numbers that fail their checksum, one after the other. */
  const isPlain = (bytes: Uint8Array, escapes: boolean): boolean => !escapes && bytes.length <= plainBytesMax && survey(bytes, true) === 0 && matcher.candidates(bytes).every((id) => matcher.find(id, bytes, 1).length === 0);

  function scanWith<Pooled>(bytes: Uint8Array, escapes: boolean, scanPooled: (pool: ScanPool) => Pooled): Pooled | LocatedFinding[] {
    if (pool === undefined || (inlineBytesMax > 0 && bytes.length <= inlineBytesMax)) return scanInline(bytes, escapes);
    return isPlain(bytes, escapes) ? [] : scanPooled(pool);
  }

  return {
    engine: matcher.engine,
    digest: digestRules(rules, actions),
    ruleCount: rules.length,
    scan: (bytes, escapes) => scanWith(bytes, escapes, (its) => its.scan(bytes, escapes)),
    scanRequest: (request, escapes, from, to) => scanWith(request.body, escapes, (its) => {
      request.retain();
      return its.scanRequest(request.body, escapes, from === to ? undefined : [from, to]);
    }),
    scanText: (text, path) => find(Buffer.from(text, 'utf8'), false).map((one) => toFinding(one, path, one.range[0], one.range[1])),
    close: () => matcher.close(),
  };
}

function placeInJson(bytes: Uint8Array, found: readonly Found[]): LocatedFinding[] {
  const places = locateInJson(bytes, found.map((one) => one.range));
  return found.map((one, index) => {
    const place = places[index] ?? { path: '$', from: one.range[0], to: one.range[1] };
    // What is not within one string (a number, a match over several) can't be cut out and leave JSON.
    const action = one.action === 'redact' && place.path === '$' ? 'block' : one.action;
    return toFinding({ ...one, action }, place.path, place.from, place.to);
  });
}

function toFinding(one: Found, path: string, from: number, to: number): LocatedFinding {
  return { rule: one.rule.id, category: one.rule.category, action: one.action, path, sample: one.sample, decoded: one.decoded, from, to };
}
