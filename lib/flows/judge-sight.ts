// From what was seen to facts. How accounts are judged is loaded only where one of them has to be.
import type { Fact } from '../domain/alert.ts'
import { stillFacts } from '../watchdog/other-facts.ts'
import type { Sight } from '../watchdog/sight.ts'

export async function judgeSight(sight: Sight): Promise<Fact[]> {
  if (sight.still) return stillFacts(sight)
  const { findFacts } = await import('../watchdog/find-facts.ts')
  return findFacts(sight)
}
