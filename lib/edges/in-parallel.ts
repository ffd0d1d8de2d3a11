/**
 * Works on all items, at most `bound` at a time, in their order. Once the signal is aborted no further one is begun.
 * @returns how many were not begun
 */
export async function inParallel<Item>(
  items: readonly Item[],
  bound: number,
  signal: AbortSignal,
  work: (item: Item) => Promise<void>,
): Promise<number> {
  let next = 0
  const worker = async () => {
    while (next < items.length && !signal.aborted) {
      const item = items[next]!
      next += 1
      await work(item)
    }
  }
  await Promise.all(Array.from({ length: Math.min(bound, items.length) }, worker))
  return items.length - next
}
