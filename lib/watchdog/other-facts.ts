// What is bad, ok or not to be seen of everything but the accounts. Apart from those, which a look mostly finds as they were.
import type { Fact } from '../domain/alert.ts'
import { billingFacts } from './billing-facts.ts'
import { failoverFacts } from './failover-facts.ts'
import { fileFacts } from './file-facts.ts'
import { jobFacts } from './job-facts.ts'
import { ok } from './make-fact.ts'
import { hostOffline } from './offline-facts.ts'
import type { Sight } from './sight.ts'

export function otherFacts(sight: Sight): Fact[] {
  return [...fileFacts(sight), ...billingFacts(sight), hostOffline(sight), ...jobFacts(sight), ...failoverFacts(sight)]
}

/** Everything, where no account has changed since all were well and no key is alive. */
export function stillFacts(sight: Sight): Fact[] {
  return [...otherFacts(sight), ok('AllInactive', {}, 'no account has changed since all were well')]
}
