// `vigil failover --replay`: what other settings would have done with what was recorded.
import { Hit } from '../lib/domain/evidence.ts'
import { replay } from '../lib/domain/failover-replay.ts'
import { STRATEGIES } from '../lib/domain/failover-state.ts'
import { wallTime } from '../lib/screen/times.ts'
import { loadSettings, readEnvironment } from '../lib/settings.ts'
import { readRegistry } from '../lib/store/accounts.ts'
import { readFailoverEvents, readFigures } from '../lib/store/history.ts'
import * as v from '../lib/valibot.ts'

const FAILED = 1
const WRONG_USAGE = 64
const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000

export interface ReplayOptions {
  hours: string
  level?: string
  strategy?: string
  cooldown?: string
}

export async function replayCommand({ hours, level, strategy, cooldown }: ReplayOptions): Promise<void> {
  const numbers = [hours, level, cooldown].map(text => (text === undefined ? null : Number(text)))
  const [back, percent, minutes] = numbers as [number, number | null, number | null]
  const known = STRATEGIES.find(name => name === strategy)
  const isLevel = percent === null || percent <= 100
  if (numbers.some(n => n !== null && !(n > 0)) || !isLevel || (strategy !== undefined && known === undefined)) {
    return fail(
      `--hours, --level (percent, up to 100) and --cooldown (minutes) are numbers; --strategy is ${STRATEGIES.join(', ')}`,
      WRONG_USAGE,
    )
  }
  const { paths } = readEnvironment()
  const now = Date.now()
  const { failover, quota } = await loadSettings(paths, now, 'leave')
  const registry = await readRegistry(paths, 'leave')
  const slots = registry?.accounts.map(({ slot }) => slot) ?? []
  const from = now - back * HOUR_MS
  const figures = readFigures(paths.history, slots, from)
  const events = readFailoverEvents(paths.history, from)
  if (figures === null || events === null) return fail('history.sqlite cannot be read', FAILED)
  const first = figures[0]
  if (first === undefined || registry === null) return fail(`nothing was recorded in the last ${hours} h`, FAILED)
  const rules = {
    ...failover,
    ...(percent === null ? {} : { levels: { five_hour: percent, seven_day: percent }, levelsOf: {} }),
    ...(known === undefined ? {} : { strategy: known }),
    ...(minutes === null ? {} : { cooldownMs: minutes * MINUTE_MS }),
    freshness: quota,
  }
  const hits = events.flatMap(({ event, detail }) => (event === 'hit' && detail !== null ? hitOf(detail) : []))
  const moved = events.find(({ event }) => event === 'switch')?.detail
  const current = (moved && (JSON.parse(moved) as { from: string }).from) || registry.current || slots[0]!
  const range = { slots, current, from: Math.max(from, first.measuredAt), to: now }
  const { swaps, blockedMinutes, unusedPercent, minutes: played } = replay(figures, hits, range, rules)
  const made = events.filter(({ event, reason }) => event === 'switch' && reason.startsWith('swapped')).length
  const lines = [
    `${(played / 60).toFixed(1)} h replayed from ${current}: ${swaps.length === 1 ? '1 swap' : `${swaps.length} swaps`} (${made} made in earnest), ${blockedMinutes} minutes blocked`,
  ]
  for (const swap of swaps)
    lines.push(`  ${wallTime(swap.at, { now, timeZone: undefined })}  ${swap.from} -> ${swap.to}: ${swap.reason}`)
  for (const [slot, weeks] of Object.entries(unusedPercent))
    lines.push(`  ${slot}: ${weeks.map(unused => `${Math.round(unused)} %`).join(', ')} of its weeks was not used`)
  lines.push('What was used stays as it was recorded: nobody knows who would have worked on which account.')
  process.stdout.write(`${lines.join('\n')}\n`)
}

function hitOf(detail: string): Hit[] {
  const parsed = v.safeParse(Hit, JSON.parse(detail))
  return parsed.success ? [parsed.output] : []
}

function fail(problem: string, code: number): void {
  process.stderr.write(`vigil failover: ${problem}\n`)
  process.exitCode = code
}
