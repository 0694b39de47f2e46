// Who is under way. A Set that runs empty and fills again with every request is built anew each time; here joining and leaving allocate nothing.

export interface RollMember {
  /** Kept by the roll; a member is on one roll at most. */
  place: number;
}

/** What `place` is while a member is on no roll. */
export const OFF_ROLL = -1;

/** In no order. */
export class Roll<Member extends RollMember> {
  readonly #members: Member[] = [];

  get size(): number {
    return this.#members.length;
  }
  /** A copy: members may leave while it is walked. */
  all(): Member[] {
    return this.#members.slice();
  }
  add(member: Member): void {
    member.place = this.#members.length;
    this.#members.push(member);
  }
  /** Nothing happens to one that is not on the roll. */
  remove(member: Member): void {
    const { place } = member;
    if (place === OFF_ROLL) return;
    member.place = OFF_ROLL;
    const last = this.#members.pop();
    if (last === undefined || last === member) return;
    this.#members[place] = last;
    last.place = place;
  }
}
