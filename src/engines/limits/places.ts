// How many requests of one caller are under way; a bound for each, so that one caller's slow calls leave room for the others'.
import { Roster } from '../../base/roster/roster.js';

/** Given back by the one exit, once. */
export interface Place {
  taken: number;
}

export interface Places {
  /** Undefined = the caller has `max` places already, and none was taken. */
  take(key: string, max: number): Place | undefined;
}

export function createPlaces(): Places {
  const roster = new Roster<Place>(() => ({ taken: 0 }), (place) => place.taken === 0);
  return {
    take(key, max) {
      const place = roster.of(key);
      if (place.taken >= max) return undefined;
      place.taken += 1;
      return place;
    },
  };
}
