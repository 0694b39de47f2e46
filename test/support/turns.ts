// Whether work lets others have the thread in between.

/** How many turns the event loop took while the work was under way. */
export async function turnsOf(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  const count = (): void => {
    turns += 1;
    next = setImmediate(count);
  };
  let next = setImmediate(count);
  await work();
  clearImmediate(next);
  return turns;
}
