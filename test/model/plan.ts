// What may happen in a world, as data that fast-check can shrink: who listens, and one thing after the other.
import fc from 'fast-check'
import type { ChannelSpec, Fact, Severity } from '../../lib/domain/alert.ts'
import type { Mood } from './world.ts'

/** The keys of a world. Those with a `worse` may be that bad too. */
export const KEYS: { name: Fact['name']; labels: Record<string, string>; severity: Severity; worse?: Severity[] }[] = [
  { name: 'HostOffline', labels: {}, severity: 'info' },
  { name: 'AllInactive', labels: {}, severity: 'critical' },
  { name: 'AccountInactive', labels: { slot: 'slot-1' }, severity: 'warning' },
  { name: 'AccountInactive', labels: { slot: 'slot-2' }, severity: 'warning' },
  { name: 'AccountInactive', labels: { slot: 'slot-3' }, severity: 'warning' },
  { name: 'JobFailed', labels: { job: 'fetch-quota' }, severity: 'warning' },
  { name: 'JobMissing', labels: { job: 'fetch-quota' }, severity: 'warning', worse: ['critical'] },
  { name: 'JobsAllMissing', labels: {}, severity: 'critical' },
  { name: 'QuotaHigh', labels: { slot: 'slot-1', window: 'five_hour', level: '80' }, severity: 'warning' },
  { name: 'DataStale', labels: { of: 'quota', slot: 'slot-1' }, severity: 'warning' },
  { name: 'LoginEnding', labels: { slot: 'slot-1', level: '7d' }, severity: 'info', worse: ['warning', 'critical'] },
  { name: 'BudgetHigh', labels: { span: 'day', level: '80' }, severity: 'warning', worse: ['critical', 'info'] },
]
const JOB_FAILED = 5

type Verdict = Fact['verdict'] | 'absent'

export type Happening = { runs: number } & (
  | { does: 'verdict'; key: number; verdict: Verdict; worse: number; certain: boolean; network: boolean }
  | { does: 'all-logins'; verdict: Verdict }
  | { does: 'flicker'; key: number; turns: number; each: number }
  | { does: 'channel'; channel: number; mood: Mood }
  | { does: 'clock-back'; ms: number }
  | { does: 'sleep'; ms: number }
  | { does: 'pace'; ms: number }
  | { does: 'crash'; point: number }
  | { does: 'lose-file' }
  | { does: 'silence'; key: number; minutes: number; prefix: boolean }
  | { does: 'ack'; key: number; minutes: number }
)

export interface WorldPlan {
  channels: ChannelSpec[]
  repeatEveryMs: number
  quietHours: { from: string; to: string; zone: string } | null
  startAt: number
  /** Facts that are ok are told of keys that are silent, too. */
  chatty: boolean
  /** Each receiver drops a message whose id it has shown already. */
  dropsKnownIds: boolean
  happenings: Happening[]
}

const MINUTE = 60_000
const severity = fc.constantFrom<Severity>('critical', 'warning', 'info')
const verdict = fc.constantFrom<Verdict>('bad', 'bad', 'bad', 'ok', 'ok', 'ok', 'unknown', 'absent')
const key = fc.integer({ min: 0, max: KEYS.length - 1 })
const runs = fc.constantFrom(0, 1, 1, 2, 3, 4, 5, 8, 13)

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 48,
    arbitrary: fc.record({
      does: fc.constant('verdict' as const),
      runs,
      key,
      verdict,
      worse: fc.constantFrom(0, 0, 1, 2),
      certain: fc.constantFrom(false, false, false, true),
      network: fc.boolean(),
    }),
  },
  { weight: 8, arbitrary: fc.record({ does: fc.constant('all-logins' as const), runs, verdict }) },
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constant('flicker' as const),
      runs,
      key,
      turns: fc.integer({ min: 2, max: 6 }),
      each: fc.constantFrom(1, 2, 3, 4),
    }),
  },
  {
    weight: 20,
    arbitrary: fc.record({
      does: fc.constant('channel' as const),
      runs,
      channel: fc.integer({ min: 0, max: 3 }),
      mood: fc.constantFrom<Mood>('ok', 'ok', 'ok', 'retry', 'retry', 'retry-after', 'refused', 'deaf'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      does: fc.constant('clock-back' as const),
      runs,
      ms: fc.constantFrom(30_000, 61_000, 10 * MINUTE, 3600_000, 86_400_000),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constant('sleep' as const),
      runs,
      ms: fc.constantFrom(181_000, 20 * MINUTE, 3600_000, 36_000_000),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constant('pace' as const),
      runs,
      ms: fc.constantFrom(5_000, MINUTE, MINUTE, MINUTE, 61_000, 2 * MINUTE, 3 * MINUTE),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ does: fc.constant('crash' as const), runs, point: fc.integer({ min: 0, max: 8 }) }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('lose-file' as const), runs }) },
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constant('silence' as const),
      runs,
      key,
      minutes: fc.constantFrom(3, 10, 45),
      prefix: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ does: fc.constant('ack' as const), runs, key, minutes: fc.constantFrom(10, 60) }),
  },
)

export const worldPlan: fc.Arbitrary<WorldPlan> = fc.record({
  channels: fc
    .array(fc.record({ minSeverity: severity, confirms: fc.boolean() }), { minLength: 1, maxLength: 3 })
    .map(all => all.map((one, at) => ({ name: ['desktop', 'email', 'phone'][at]!, ...one }))),
  repeatEveryMs: fc.constantFrom(20 * MINUTE, 40 * MINUTE, 240 * MINUTE),
  quietHours: fc.constantFrom(
    null,
    null,
    { from: '08:20', to: '09:10', zone: 'UTC' },
    { from: '23:30', to: '00:45', zone: 'Europe/Berlin' },
  ),
  // 2026-02-09, 08:00 or 22:10 UTC.
  startAt: fc.constantFrom(1_770_624_000_000, 1_770_675_000_000),
  chatty: fc.boolean(),
  dropsKnownIds: fc.boolean(),
  happenings: fc.array(happening, { minLength: 1, maxLength: 70, size: 'max' }),
})

export function factOf(at: number, seen: Seen, run: number): Fact {
  const { name, labels, severity, worse = [] } = KEYS[at]!
  const summary = `${name} at run ${run}`
  return {
    name,
    labels,
    verdict: seen.verdict === 'absent' ? 'unknown' : seen.verdict,
    severity: seen.worse === 0 ? severity : (worse[seen.worse - 1] ?? severity),
    text: { summary, details: [], remedy: null, affects: null },
    since: null,
    ...(seen.certain ? { certain: true } : {}),
    ...(at === JOB_FAILED && seen.network ? { alsoMutedBy: ['HostOffline'] } : {}),
  }
}

/** What can be seen of a key until something else happens to it. */
export interface Seen {
  verdict: Verdict
  worse: number
  certain: boolean
  network: boolean
}
