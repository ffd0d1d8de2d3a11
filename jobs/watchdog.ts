// Tells a person what is wrong: finds facts in what the other jobs left, and sends messages until they are accepted.
// Reads everything in session-health/ and config/; writes alerts.json, history.sqlite and runtime-state.yaml.

import { gatherSight } from '../lib/flows/gather-sight.ts'
import { judgeSight } from '../lib/flows/judge-sight.ts'
import { keepRuntimeState } from '../lib/flows/keep-runtime-state.ts'
import { remember } from '../lib/flows/remember.ts'
import { closeWatch, openWatch } from '../lib/flows/watch.ts'
import { runJob } from '../lib/job.ts'

await runJob(
  'watchdog',
  async run => {
    const watch = await openWatch(run)
    const sight = await gatherSight(run.paths, run.settingsError ?? run.settings, run.now, watch.file)
    const { file, decisions } = await closeWatch(watch, await judgeSight(sight), run)
    remember(sight, watch.loaded.file.lastRunAt, file, decisions, run)
    await keepRuntimeState(sight, file, run)
  },
  { evenWithoutSettings: true },
)
