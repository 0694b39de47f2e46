// Goes on with what was read: now, or once a thread of the pool has read it.

type Go<Found, First, Second, Third, Answer> = (found: Found, first: First, second: Second, third: Third) => Answer | Promise<Answer>;

/** `go` with it and the three that follow. No function is made where nothing is awaited: one that stood in its caller would be, for every call. */
export function onceRead<Found, First, Second, Third, Answer>(
  found: Found | Promise<Found>, go: Go<Found, First, Second, Third, Answer>, first: First, second: Second, third: Third,
): Answer | Promise<Answer> {
  return found instanceof Promise ? later(found, go, first, second, third) : go(found, first, second, third);
}

function later<Found, First, Second, Third, Answer>(
  found: Promise<Found>, go: Go<Found, First, Second, Third, Answer>, first: First, second: Second, third: Third,
): Promise<Answer> {
  return found.then((read) => go(read, first, second, third));
}
