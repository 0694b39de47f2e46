// Who must be woken, and how: no ring while the writer works, no sleep while something waits.
import { describe, expect, it } from 'vitest';
import { createBell, Ringer, Sleeper } from '../../../src/audit/bell.js';

const nothing = (): boolean => false;
const something = (): boolean => true;

describe('a bell', () => {
  it('is silent while the writer is awake', () => {
    const ringer = new Ringer(createBell());
    expect(ringer.asleep).toBe(false);
    expect(ringer.ring()).toBe(false);
  });

  it('asks one sender alone for the message that a resting writer needs', () => {
    const bell = createBell();
    const [one, other, sleeper] = [new Ringer(bell), new Ringer(bell), new Sleeper(bell)];
    expect(sleeper.rest(nothing)).toBe(true);
    expect([one.asleep, other.asleep]).toEqual([true, true]);
    expect([one.ring(), other.ring(), one.ring()]).toEqual([true, false, false]);
    expect(one.asleep).toBe(false);
  });

  it('lets nobody sleep who sees that something waits', () => {
    const bell = createBell();
    const [ringer, sleeper] = [new Ringer(bell), new Sleeper(bell)];
    expect(sleeper.rest(something)).toBe(false);
    sleeper.doze(Infinity, something);
    expect(ringer.asleep).toBe(false);
  });

  it('ends a doze that is rung for between the look and the sleep', () => {
    const bell = createBell();
    const [ringer, sleeper] = [new Ringer(bell), new Sleeper(bell)];
    sleeper.doze(Infinity, () => {
      expect(ringer.asleep).toBe(true);
      expect(ringer.ring()).toBe(false); // a futex wakes it, no message is needed
      return false;
    });
    expect(ringer.asleep).toBe(false);
  });

  it('keeps a call for a writer that works, and lets it not doze before it heard it', () => {
    const bell = createBell();
    const [ringer, sleeper] = [new Ringer(bell), new Sleeper(bell)];
    ringer.call();
    sleeper.doze(Infinity, nothing);
    expect([sleeper.called(), sleeper.called()]).toEqual([true, false]);
    sleeper.doze(1, nothing);
    expect(sleeper.called()).toBe(false);
  });

  it('leaves a resting writer to the message that was posted: it may have read it and rest again', () => {
    const bell = createBell();
    const [ringer, sleeper] = [new Ringer(bell), new Sleeper(bell)];
    expect(sleeper.rest(nothing)).toBe(true);
    ringer.call();
    expect(ringer.asleep).toBe(true);
    expect(ringer.ring()).toBe(true); // who has lines still wakes it
  });

  it('ends a gathering that somebody asks or calls for, and one in which nobody does when its time is over', () => {
    const bell = createBell();
    const [ringer, sleeper] = [new Ringer(bell), new Sleeper(bell)];
    sleeper.gather(Infinity, () => {
      expect([ringer.gathers, ringer.asleep]).toEqual([true, false]); // it knows of lines: nobody has to wake it for them
      ringer.ask();
      return false;
    });
    expect([sleeper.asked(), sleeper.asked(), ringer.gathers]).toEqual([true, false, false]);
    sleeper.gather(1, nothing);
    expect(sleeper.asked()).toBe(false);
    ringer.call();
    sleeper.gather(Infinity, nothing);
  });

  it('keeps what somebody asked while the writer worked', () => {
    const bell = createBell();
    const [ringer, sleeper] = [new Ringer(bell), new Sleeper(bell)];
    ringer.ask();
    sleeper.gather(Infinity, nothing);
    expect(sleeper.asked()).toBe(true);
  });
});
