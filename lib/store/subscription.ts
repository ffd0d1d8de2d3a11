// Figures that a person typed in: the last fallback. The file's own time says when, and they hold for four hours.

import { readFileSync, statSync } from '../edges/fs.ts'
import type { Paths } from '../paths.ts'
import { HOUR_MS } from '../timings.ts'
import * as v from '../valibot.ts'

const GOOD_FOR_MS = 4 * HOUR_MS

const amount = v.optional(
  v.nullable(v.pipe(v.number('is no amount; write US dollars such as 12.50'), v.minValue(0, 'has to be 0 or more'))),
  null,
)

const File = v.strictObject({ cost_today_usd: amount, cost_week_usd: amount })

export type SubscriptionReading =
  | { state: 'good'; costTodayUsd: number | null; costWeekUsd: number | null; measuredAt: number }
  | { state: 'absent' }
  | { state: 'tooOld'; ageMs: number }
  | { state: 'wrong'; problems: string[] }

export async function readSubscription(paths: Paths, now: number): Promise<SubscriptionReading> {
  let text: string
  let measuredAt: number
  try {
    measuredAt = statSync(paths.subscription).mtimeMs
    text = readFileSync(paths.subscription, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? { state: 'absent' } : { state: 'wrong', problems: [`it cannot be read (${code})`] }
  }
  if (now - measuredAt > GOOD_FOR_MS) return { state: 'tooOld', ageMs: now - measuredAt }
  const { parseDocument } = await import('yaml')
  const document = parseDocument(text, { prettyErrors: false })
  if (document.errors.length > 0) return { state: 'wrong', problems: document.errors.map(error => error.message) }
  const parsed = v.safeParse(File, document.toJS() ?? {})
  if (!parsed.success)
    return {
      state: 'wrong',
      problems: parsed.issues.map(issue => `${v.getDotPath(issue) ?? 'the file'} ${issue.message}`),
    }
  return {
    state: 'good',
    costTodayUsd: parsed.output.cost_today_usd,
    costWeekUsd: parsed.output.cost_week_usd,
    measuredAt: Math.floor(measuredAt),
  }
}
