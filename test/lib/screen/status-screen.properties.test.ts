import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Problem, Status, StatusAccount, StatusBilling, StatusJob } from '../../../lib/domain/status.ts'
import { displayWidth, withoutStyles } from '../../../lib/screen/ansi.ts'
import { HOUR_MS, NOW, screen, statusOf } from './samples.ts'

const word = fc.constantFrom(
  'slot',
  'the endpoint answered',
  '日本語',
  '👩‍👩‍👧',
  'a-very-long-word-without-any-space-in-it-at-all',
  '\x1b[31m',
  'ü',
)
const words = fc.array(word, { minLength: 1, maxLength: 6 }).map(list => list.join(' '))
const time = fc.integer({ min: NOW - 40 * 24 * HOUR_MS, max: NOW + 40 * 24 * HOUR_MS })
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })
const window = fc.record({
  name: fc.constantFrom('five_hour', 'seven_day', 'weekly', 'other_thing'),
  scope: orNull(word),
  label: word,
  used_percent: orNull(fc.double({ min: 0, max: 300, noNaN: true })),
  resets_at: orNull(time),
  level: orNull(fc.constantFrom('ok', 'high', 'near', 'full')),
})
const account: fc.Arbitrary<StatusAccount> = fc.record({
  slot: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,40}$/),
  email: orNull(words),
  config_dir: words,
  standing: fc.constantFrom('active', 'inactive', 'paused'),
  reason: orNull(word),
  since: orNull(time),
  windows: fc.array(window, { maxLength: 5 }),
  extra_usage: orNull(
    fc.record({
      used: orNull(fc.double({ min: 0, max: 1e6, noNaN: true })),
      limit: orNull(fc.double({ min: 0.01, max: 1e6, noNaN: true })),
      currency: orNull(fc.constantFrom('USD', 'EUR', '日')),
    }),
  ),
  freshness: fc.record({
    state: fc.constantFrom('fresh', 'stale', 'unreliable', 'absent'),
    age_ms: orNull(fc.integer({ min: -HOUR_MS, max: 1e9 })),
  }),
  measured_at: orNull(time),
  source: orNull(fc.constantFrom('oauth', 'statusline')),
  login_ends_at: orNull(time),
  refreshed_at: orNull(time),
  last_attempt: orNull(fc.record({ at: time, outcome: word, reason: words })),
  requests_last_hour: fc.nat(30),
  next_request_not_before: orNull(time),
  remedy: orNull(words),
})
const job: fc.Arbitrary<StatusJob> = fc.record({
  job: fc.constantFrom('refresh-tokens', 'fetch-quota'),
  state: fc.constantFrom('ok', 'failing', 'running', 'killed', 'never', 'overdue'),
  last_started_at: orNull(time),
  last_success_at: orNull(time),
  reason: words,
  exit_code: orNull(fc.nat(255)),
  streak: fc.constant(null),
})
const problem: fc.Arbitrary<Problem> = fc.record({
  severity: fc.constantFrom('critical', 'warning', 'info'),
  about: fc.constantFrom('settings', 'registry', 'account', 'job', 'cache'),
  slot: orNull(fc.constantFrom('slot-1', 'slot-2')),
  what: words,
  details: fc.array(words, { maxLength: 12 }),
  since: orNull(time),
  remedy: orNull(words),
})
const usd = orNull(fc.double({ min: 0, max: 99_999, noNaN: true }))
const ofBudget = fc.record({
  limit_usd: orNull(fc.integer({ min: 1, max: 9999 })),
  used_percent: orNull(fc.double({ min: 0, max: 999, noNaN: true })),
})
const billing: fc.Arbitrary<StatusBilling> = fc.record({
  source: orNull(fc.constantFrom('oauth', 'ccusage', 'subscription')),
  freshness: fc.constantFrom(
    { state: 'fresh', age_ms: 1 },
    { state: 'stale', age_ms: 900_000 },
    { state: 'unreliable', age_ms: 9_000_000 },
  ),
  measured_at: orNull(time),
  cost_today_usd: usd,
  cost_week_usd: usd,
  block: orNull(fc.record({ cost_usd: usd, burn_rate_usd_per_hour: usd, projected_cost_usd: usd, ends_at: time })),
  budgets: fc.record({ daily: ofBudget, block: ofBudget, weekly: ofBudget }),
  unpriced_models: fc.constant([]),
  last_attempt: fc.constant(null),
})
const anyStatus: fc.Arbitrary<Status> = fc.record({
  schema: fc.constant(1),
  checked_at: fc.constant(NOW),
  pool: fc.record({
    verdict: fc.constantFrom('usable', 'degraded', 'blind', 'exhausted', 'logged-out', 'empty'),
    reason: words,
    recovers_at: orNull(time),
    remedy: orNull(words),
  }),
  current: orNull(fc.constant('slot-1')),
  accounts: fc.array(account, { maxLength: 4 }),
  left_behind: fc.array(
    fc.record({ session: words, slot: fc.constantFrom('slot-1', 'slot-2'), folder: orNull(words), seen_at: time }),
    { maxLength: 9 },
  ),
  billing: orNull(billing),
  jobs: fc.array(job, { maxLength: 3 }),
  alerts: fc.record({
    firing: fc.array(fc.record({ key: words, severity: fc.constantFrom('critical', 'warning', 'info'), since: time }), {
      maxLength: 3,
    }),
    waiting: fc.dictionary(words, fc.nat(99), { maxKeys: 2 }),
    broken_channels: fc.array(words, { maxLength: 2 }),
    silenced: fc.array(words, { maxLength: 2 }),
    last_looked_at: orNull(time),
  }),
  problems: fc.array(problem, { maxLength: 4 }),
})
const anyOptions = fc.record({ columns: fc.integer({ min: 40, max: 200 }), unicode: fc.boolean(), color: fc.boolean() })

test('no figure that is not fresh is ever printed without a mark (property)', () => {
  fc.assert(
    fc.property(anyStatus, anyOptions, (status, options) => {
      const old = status.accounts.filter(({ freshness }) => freshness.state !== 'fresh')
      // No words of others: only what the screen itself says of the figures is looked at.
      const quiet = old.map((one, index) => ({
        ...one,
        slot: `slot-${index}`,
        email: null,
        config_dir: '~',
        last_attempt: null,
        windows: one.windows.map(w => ({ ...w, label: 'w' })),
      }))
      const text = withoutStyles(screen({ ...status, accounts: quiet, billing: null, problems: [] }, options))
      const mark = options.unicode ? '(⚠|⚠⚠)' : '(!|!!)'
      const atLeast = options.unicode ? '≥' : '>='
      for (const [figure] of text.matchAll(/\S* ?\S*\d %/g))
        expect(figure).toMatch(new RegExp(`^${mark} (${atLeast})?\\d+ %$`))
      for (const [money] of text.matchAll(/\S* ?\$?\d+\.\d\d/g))
        expect(money).toMatch(new RegExp(`^(${mark}|of) \\$?\\d+\\.\\d\\d$`))
      for (const one of quiet.filter(({ freshness }) => freshness.state === 'absent')) {
        expect(withoutStyles(screen(statusOf({ accounts: [one] }), options))).not.toMatch(/\d %/)
      }
      for (const one of quiet.filter(({ freshness }) => freshness.state === 'unreliable')) {
        expect(withoutStyles(screen(statusOf({ accounts: [one] }), options))).not.toMatch(
          new RegExp(`[^${atLeast.at(-1)}\\d]\\d+ %`),
        )
      }
    }),
    { numRuns: 2000 },
  )
})

test('no cost that is not fresh is ever printed without a mark (property)', () => {
  fc.assert(
    fc.property(billing, anyOptions, (cost, options) => {
      const text = withoutStyles(
        screen(statusOf({ accounts: [], jobs: [], billing: cost }), { ...options, columns: 100 }),
      )
      const mark = options.unicode ? { stale: '⚠ ', unreliable: '⚠⚠ ≥' } : { stale: '! ', unreliable: '!! >=' }
      const wanted = cost.freshness.state === 'fresh' ? '' : mark[cost.freshness.state as 'stale']
      for (const [, word, sign] of text.matchAll(/(\S+ )(\S*)\$\d+\.\d\d/g)) {
        expect((/[!⚠]/.test(word!) ? word! : '') + sign).toBe(wanted)
      }
    }),
    { numRuns: 1000 },
  )
})

test('no line is wider than the terminal, nothing ends in a space, and ASCII is ASCII (property)', () => {
  fc.assert(
    fc.property(anyStatus, anyOptions, (status, options) => {
      const text = screen(status, options)
      for (const line of text.split('\n')) {
        expect(displayWidth(line)).toBeLessThanOrEqual(Math.min(options.columns, 100))
        expect(withoutStyles(line)).not.toMatch(/\s$/)
      }
      if (!options.unicode) expect(text).toMatch(/^[\n\x1b\x20-\x7e]*$/)
      if (!options.color) expect(text).not.toContain('\x1b')
    }),
    { numRuns: 2000 },
  )
})
