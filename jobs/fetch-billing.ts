// Keeps billing figures true: what the transcripts cost by ccusage, what was paid, what a person typed in. Decides by the
// burn rate whether it is time. Reads the accounts' transcripts and slots/; writes ccusage/ and billing-shared.json.

import { decideBilling } from '../lib/domain/billing.ts'
import { endLeftCcusage, knownBilling, localDay, unflag } from '../lib/flows/known-billing.ts'
import { runJob } from '../lib/job.ts'
import { BILLING_WAIT_MS, CRON_PERIOD_MS } from '../lib/timings.ts'

const force = process.argv.includes('--force')

await runJob(
  'fetch-billing',
  async run => {
    await endLeftCcusage(run)
    const known = knownBilling(run)
    const day = localDay(run.now)
    const { now, requestedAt } = run
    const decision = decideBilling(known, { now, requestedAt, day, periodMs: CRON_PERIOD_MS['fetch-billing'], force })
    run.log('info', `${decision.do}: ${decision.reason}`)
    if (decision.do === 'skip') {
      run.count(decision.code === 'waited' ? 'waited' : `skipped_${decision.code}`)
      await unflag(known, run)
      return
    }
    const { measureBilling } = await import('../lib/flows/billing-round.ts')
    await measureBilling(run, known, day, force)
  },
  { waitWhenBusyMs: BILLING_WAIT_MS },
)
