// Async generators with a result, which `for await` would drop.

/** Each item changed. Left early, or where `change` throws, it leaves the other as well. */
export async function* mapped<From, To, Result>(items: AsyncGenerator<From, Result, undefined>, change: (item: From) => To): AsyncGenerator<To, Result, undefined> {
  try {
    for (let next = await items.next(); ; next = await items.next()) {
      if (next.done === true) return next.value;
      yield change(next.value);
    }
  } finally {
    await items.return(undefined as never); // nothing, where it is at its end
  }
}

/** Read to its end. */
export async function resultOf<Result>(items: AsyncGenerator<unknown, Result, undefined>): Promise<Result> {
  for (let next = await items.next(); ; next = await items.next()) if (next.done === true) return next.value;
}
