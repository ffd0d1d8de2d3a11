// The failover section of vigil.yaml.
import { SLOT_PATTERN } from './domain/account.ts'
import { flag } from './settings-channels.ts'
import { DEFAULT_SETTINGS, type Settings } from './settings-defaults.ts'
import { DAY_MS, MINUTE_MS, span, type TimingProblem } from './timings.ts'
import * as v from './valibot.ts'

/** Below it an account would be left that is hardly used, and none could be switched to. */
const LOWEST_LEVEL = 20
const DURATION_WORDS = 'is no duration; write a number and a unit, such as 5m or 1h'

const level = v.nullable(
  v.pipe(
    v.number('is no number; write a percentage such as 95, or null'),
    v.minValue(LOWEST_LEVEL, `has to be at least ${LOWEST_LEVEL} (percent)`),
    v.maxValue(100, 'has to be at most 100 (percent)'),
  ),
)
const slot = v.pipe(v.string('is no name of a slot'), v.regex(SLOT_PATTERN, 'is no name of a slot'))

export const FailoverFile = v.strictObject({
  enabled: v.optional(flag),
  strategy: v.optional(
    v.picklist(['most-room', 'soonest-reset', 'priority'], 'has to be most-room, soonest-reset or priority'),
  ),
  levels: v.optional(
    v.strictObject({
      five_hour: v.optional(level),
      seven_day: v.optional(level),
      accounts: v.optional(
        v.record(slot, v.strictObject({ five_hour: v.optional(level), seven_day: v.optional(level) })),
      ),
    }),
  ),
  cooldown: v.optional(v.pipe(v.string(DURATION_WORDS), v.regex(/^(\d{1,6})(ms|s|m|h|d)$/, DURATION_WORDS))),
  priority: v.optional(
    v.pipe(
      v.array(slot, 'is no list of slots'),
      v.check(list => new Set(list).size === list.length, 'names a slot twice'),
    ),
  ),
  tmux: v.optional(flag),
})

export function toFailover(
  file: v.InferOutput<typeof FailoverFile>,
  durationMs: (text: string) => number,
): Settings['failover'] {
  const defaults = DEFAULT_SETTINGS.failover
  const { accounts = {}, ...levels } = file.levels ?? {}
  return {
    enabled: file.enabled ?? defaults.enabled,
    strategy: file.strategy ?? defaults.strategy,
    levels: { ...defaults.levels, ...told(levels) },
    levelsOf: Object.fromEntries(Object.entries(accounts).map(([name, own]) => [name, told(own)])),
    cooldownMs: file.cooldown === undefined ? defaults.cooldownMs : durationMs(file.cooldown),
    priority: file.priority ?? defaults.priority,
    tmux: file.tmux ?? defaults.tmux,
  }
}

/** What collides within the section, or with what figures can tell. */
export function checkFailover({ failover, quota }: Pick<Settings, 'failover' | 'quota'>): TimingProblem[] {
  const problems: TimingProblem[] = []
  const { cooldownMs, strategy, priority } = failover
  if (cooldownMs < MINUTE_MS || cooldownMs > DAY_MS)
    problems.push({
      path: ['failover', 'cooldown'],
      message: `is ${span(cooldownMs)}; it has to be from 1m, which is how often failover looks, to 1d`,
    })
  if (strategy === 'priority' && priority.length === 0)
    problems.push({ path: ['failover', 'strategy'], message: 'is priority, but failover.priority names no slot' })
  if (failover.enabled && quota.freshForMs > 30 * MINUTE_MS)
    problems.push({
      path: ['quota', 'fresh_for'],
      message: `is ${span(quota.freshForMs)}; with failover on, figures that old prove no room: 30m is the most`,
    })
  return problems
}

/** What is written, without what is not; a null is written. */
function told<T extends object>(levels: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(levels).filter(([, value]) => value !== undefined)) as ReturnType<
    typeof told<T>
  >
}
