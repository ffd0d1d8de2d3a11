// Takes away what nobody needs any more: old sessions, cut-off writes, old logs, old history. `vigil run janitor --dry-run`
// shows what. Reads and removes files of ours in session-health/, and our own temporary ones in config/; nothing else.

import { carryOut, planRound } from '../lib/flows/clean-up.ts'
import { runJob } from '../lib/job.ts'

await runJob('janitor', async run => carryOut(planRound(run.paths, run.now), run), { evenWithoutSettings: true })
