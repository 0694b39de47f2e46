// The worker's side of a pool: it gets the tasks that waited together, and answers each by itself.

export type Outcome = { readonly answer: unknown } | { readonly fault: unknown };

/** What a worker file exports for a pool: does `work` for one task after the other, and a fault is that task's alone. */
export function eachTask<Task>(work: (task: Task) => unknown): (tasks: readonly Task[]) => readonly Outcome[] {
  return (tasks) => tasks.map((task) => {
    try {
      return { answer: work(task) };
    } catch (fault) {
      return { fault };
    }
  });
}
