// Layer 7: no credential goes upstream; injections and personal data are flagged or blocked. Every byte that goes upstream is scanned.
import type { Layer } from '../chain/layer.js';
import { deny, PASS, type Verdict } from '../chain/verdict.js';
import type { ErrorCode } from '../base/errors/table.js';
import type { InboundHeaders } from '../front/types.js';
import type { Call } from '../mcp/types.js';
import type { DlpCategory, DlpScanner, Finding, LocatedFinding } from '../engines/dlp/types.js';

const CODES: Readonly<Record<DlpCategory, ErrorCode>> = {
  credentials: 'dlp_credentials_detected',
  injection: 'dlp_injection_blocked',
  pii: 'dlp_pii_blocked',
};
const SEVERITY: readonly DlpCategory[] = ['credentials', 'injection', 'pii'];
const FINDINGS_SHOWN_MAX = 10;

interface FindingsSlot {
  findings: readonly LocatedFinding[] | undefined;
  flag(step: number, note: string): void;
}

export function dlpScan(): Layer<'call' | 'caller' | 'permission', 'findings'> {
  return {
    step: 7,
    name: 'dlp_scan',
    onFault: deny('dlp_unavailable_fail_closed', { reasonCode: 'scan_failed' }),
    decide(ctx) {
      const { requestRules } = ctx.snapshot;
      const inHeaders = scanHeaders(requestRules, ctx.inbound.headers, ctx.call);
      if (ctx.inbound.body.length === 0) return judge(ctx, inHeaders);
      const scanned = requestRules.scanRequest(ctx.inbound, ctx.call.escapes, ctx.call.argumentsFrom, ctx.call.argumentsTo);
      if (scanned instanceof Promise) {
        return scanned.then(({ findings, argumentsDigest }) => {
          ctx.argumentsDigest = argumentsDigest;
          return judge(ctx, inHeaders.concat(findings));
        });
      }
      return judge(ctx, inHeaders.length === 0 ? scanned : inHeaders.concat(scanned));
    },
  };
}

/** Every header whose text the caller chose and a tool server gets to see. A mirrored name was scanned where it stands in the body. */
function scanHeaders(rules: DlpScanner, headers: InboundHeaders, call: Pick<Call, 'name' | 'uri'>): LocatedFinding[] {
  const { forwarded, tracestate, lastEventId, mcpName } = headers;
  const unmirrored = mcpName === call.name || mcpName === call.uri ? '' : mcpName;
  if (forwarded.length === 0 && tracestate === '' && lastEventId === '' && unmirrored === '') return [];
  return [...forwarded, ['tracestate', tracestate] as const, ['last-event-id', lastEventId] as const, ['mcp-name', unmirrored] as const]
    .filter(([, value]) => value !== '')
    .flatMap(([name, value]) => rules.scanText(value, `header:${name}`));
}

function judge(slot: FindingsSlot, findings: readonly LocatedFinding[]): Verdict {
  slot.findings = findings;
  if (findings.length === 0) return PASS;
  // A request is never rewritten: what would have to be redacted is refused.
  const stopping = findings.filter((finding) => finding.action !== 'flag');
  const category = SEVERITY.find((one) => stopping.some((finding) => finding.category === one));
  if (category === undefined) {
    slot.flag(7, [...new Set(findings.map((finding) => finding.rule))].join(', '));
    return PASS;
  }
  return deny(CODES[category], { details: { findings: stopping.slice(0, FINDINGS_SHOWN_MAX).map(publicFinding), count: stopping.length } });
}

export function publicFinding({ rule, category, action, path, sample, decoded }: Finding): Finding {
  return { rule, category, action, path, sample, decoded };
}
