// Takes up sessions that sleep: their thread has ended, or the whole process. One thread gets a session, the others learn which.
import type { SessionHomes } from './homes.js';
import { OpenSession } from './open-session.js';
import type { SessionPlaces } from './places.js';
import { isSessionId, sessionKey } from './session-key.js';
import type { McpSession, SessionKeeper } from './types.js';

export type Revived =
  | { readonly kind: 'open'; readonly session: McpSession }
  /** The thread with this name in shared memory has it. */
  | { readonly kind: 'elsewhere'; readonly owner: number }
  | { readonly kind: 'unknown' };

export interface RevivalParts {
  readonly places: SessionPlaces;
  readonly homes: SessionHomes;
  readonly keeper: Pick<SessionKeeper, 'read' | 'over' | 'used' | 'tainted'>;
  readonly takeUp: (session: OpenSession) => void;
  /** One copy of equal texts. */
  readonly shared: (text: string) => string;
  readonly isOpen: (id: string) => boolean;
}

interface UnderWay {
  readonly caller: string;
  readonly revived: Promise<Revived>;
}

const UNKNOWN: Revived = Object.freeze({ kind: 'unknown' });

export function createRevival({ places, homes, keeper, takeUp, shared, isOpen }: RevivalParts): (id: string, caller: string, nowMs: number) => Revived | Promise<Revived> {
  /** No more than questions to the control thread may be under way. */
  const underWay = new Map<string, UnderWay>();

  const read = async (id: string, key: string, serial: number, caller: string, nowMs: number): Promise<Revived> => {
    let kept;
    try {
      kept = await keeper.read(serial);
    } catch (fault) {
      places.letGo(caller, key);
      homes.leave(id);
      throw fault;
    }
    // Meanwhile its caller may have needed the place for a newer one, or a person ended it.
    if (kept === undefined || kept.key !== key || kept.caller !== caller || !places.touch(caller, key)) {
      places.close(caller, key);
      homes.leave(id);
      keeper.over(serial);
      return UNKNOWN;
    }
    const session = new OpenSession(id, { ...kept, initializeParams: shared(kept.initializeParams) }, nowMs, keeper);
    takeUp(session);
    keeper.used(serial, nowMs);
    return { kind: 'open', session };
  };

  return (id, caller, nowMs) => {
    const known = underWay.get(id);
    if (known !== undefined) return known.caller === caller ? known.revived : UNKNOWN;
    // One that is open here is another caller's.
    if (!isSessionId(id) || isOpen(id)) return UNKNOWN;
    const key = sessionKey(id);
    const place = places.take(caller, key);
    if (place.kind === 'unknown') return UNKNOWN;
    if (place.kind === 'owned') return place.owner === places.owner ? UNKNOWN : { kind: 'elsewhere', owner: place.owner };
    homes.settle(id);
    const revived = read(id, key, place.serial, caller, nowMs).finally(() => underWay.delete(id));
    underWay.set(id, { caller, revived });
    return revived;
  };
}
