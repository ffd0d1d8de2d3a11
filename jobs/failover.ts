// Moves new sessions to another account before the current one is used up. Off unless vigil.yaml turns it on. Reads what
// sessions were told and slots/; writes claude-sessions.yaml, current.env, the link `current`, failover.json and history.sqlite.
import { runJob } from '../lib/job.ts'

await runJob('failover', async run => {
  if (!run.settings.failover.enabled) return run.log('debug', 'failover is off')
  const { failoverRound } = await import('../lib/flows/failover-round.ts')
  await failoverRound(run)
})
