// A watchdog without files: rounds of step and delivery over a clock that only the test moves.
import { type AlertName, type AlertsFile, emptyAlerts, type Fact, type SendResult } from '../../../lib/domain/alert.ts'
import { markSent, planDelivery } from '../../../lib/watchdog/deliver.ts'
import { step, type WatchRules } from '../../../lib/watchdog/step.ts'

export const MINUTE_MS = 60_000
export const HOUR_MS = 60 * MINUTE_MS
export const START = Date.UTC(2026, 1, 8, 12, 36)

const RULES: WatchRules = {
  channels: [
    { name: 'desktop', minSeverity: 'warning', confirms: false },
    { name: 'email', minSeverity: 'warning', confirms: true },
  ],
  repeatEveryMs: 4 * HOUR_MS,
  quietHours: null,
  intervalMs: MINUTE_MS,
}

export function fact(name: AlertName, labels: Record<string, string> = {}, change: Partial<Fact> = {}): Fact {
  const text = { summary: `${name} is so`, details: [], remedy: 'claude /login', affects: null }
  return { name, labels, verdict: 'bad', severity: 'warning', text, since: null, ...change }
}

export const ok = (found: Fact): Fact => ({ ...found, verdict: 'ok' })
export const unknown = (found: Fact): Fact => ({ ...found, verdict: 'unknown' })

const ACCEPTED: SendResult = { outcome: 'accepted', detail: '250' }

/** @param change how the rules differ from RULES */
export function rounds(change: Partial<WatchRules> = {}) {
  const rules = { ...RULES, ...change }
  let file: AlertsFile = emptyAlerts(START)
  let now = START
  /** What a channel answers; one that is not here accepts. */
  const answers: Record<string, SendResult> = {}
  const watch = {
    /** One run; then the clock moves on. @returns the ids that were accepted, without episode numbers */
    run(facts: readonly Fact[], thenMs = MINUTE_MS): string[] {
      const sent: string[] = []
      file = step(file, facts, now, rules).file
      for (const message of planDelivery(file, now, rules)) {
        const result = answers[message.channel] ?? ACCEPTED
        if (result.outcome === 'accepted') for (const { id } of message.notices) sent.push(id.replace(/#\d+#/, '#'))
        file = markSent(file, message, result, now)
      }
      now += thenMs
      return sent
    },
    /** So many runs; @returns all that was accepted in them */
    runs(count: number, facts: readonly Fact[]): string[] {
      return Array.from({ length: count }, () => watch.run(facts)).flat()
    },
    answers,
    file: () => file,
    now: () => now,
    edit(change: (file: AlertsFile) => AlertsFile) {
      file = change(file)
    },
    skip(ms: number) {
      now += ms
    },
  }
  return watch
}
