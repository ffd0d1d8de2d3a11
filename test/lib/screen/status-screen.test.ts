import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Problem, Status, StatusAccount, StatusJob } from '../../../lib/domain/status.ts'
import { displayWidth, withoutStyles } from '../../../lib/screen/ansi.ts'
import type { ScreenOptions } from '../../../lib/screen/look.ts'
import { renderStatus } from '../../../lib/screen/status-screen.ts'
import { accountOf, jobOf, loggedOutOf, measured, NOW, SAMPLES, statusOf, weeklyOf, windowOf } from './samples.ts'

const HOUR_MS = 3_600_000

function screen(status: Status, options: Partial<ScreenOptions> = {}): string {
  return `\n${renderStatus(status, { columns: 100, color: false, unicode: true, now: NOW, timeZone: 'Europe/Berlin', ...options })}`
}

test('healthy', () => {
  expect(screen(SAMPLES.HEALTHY)).toMatchInlineSnapshot(`
    "
    ● usable  both accounts have room

    ▸ slot-1  alex@example.com    current · measured 3 min ago · login until 15 Dec
        five-hour    ━━━━━━━━━━━╾────────────────────  37 %   resets 14:00, in 2 h 10 min
        weekly       ━━━━━━━━────────────────────────  26 %   resets Sat 14:50, in 4 d 3 h

      work    blake@example.com   measured just now
        five-hour    ────────────────────────────────   0 %
        weekly       ━━╾─────────────────────────────   8 %   resets Sat 14:50, in 4 d 3 h
        weekly Opus  ━━━╾────────────────────────────  12 %   resets Sat 14:50, in 4 d 3 h
        extra usage  ━━━━━━━╾────────────────────────  24 %   $12.34 of $50.00

    jobs  ✓ refresh-tokens 4 min ago    ✓ fetch-quota 3 min ago
    "
  `)
})

test('near a limit', () => {
  expect(screen(SAMPLES.NEAR_LIMIT)).toMatchInlineSnapshot(`
    "
    ◐ degraded  slot-1 is near a limit

    ▸ slot-1  alex@example.com   current · measured 3 min ago · login until 15 Dec
        five-hour    ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━───   91 %   resets 14:00, in 2 h 10 min · high
        weekly       ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━─   97 %   resets Sat 14:50, in 4 d 3 h · near limit
        weekly Opus  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━  100 %   resets Sat 14:50, in 4 d 3 h · used up

    jobs  ✓ refresh-tokens 4 min ago    ✓ fetch-quota 3 min ago
    "
  `)
})

test('logged out', () => {
  expect(screen(SAMPLES.LOGGED_OUT)).toMatchInlineSnapshot(`
    "
    🔺 logged out  both accounts are logged out
                   run: claude /login

    ▸ slot-1  alex@example.com    current
        🔺 logged out: the login is over · since Sun 14:50, 1 d 21 h ago
           run: claude /login

      work    blake@example.com
        🔺 logged out: the login is over · since Sun 14:50, 1 d 21 h ago
           run: CLAUDE_CONFIG_DIR=~/.claude-work claude /login

    jobs  ✓ refresh-tokens 4 min ago    ✓ fetch-quota 3 min ago
    "
  `)
})

test('old figures, wrong settings, a failing job', () => {
  expect(screen(SAMPLES.OLD_FIGURES)).toMatchInlineSnapshot(`
    "
    ◐ degraded  slot-2 and slot-3 have no reliable figures; slot-1 has old figures only

    ▸ slot-1  alex@example.com    current · ⚠ measured 18 min ago · login until 15 Dec
        five-hour    ━━━━━━━━━━╾──────────────────    ⚠ 37 %   resets 14:00, in 2 h 10 min
        weekly       ━━━━━━━╾─────────────────────    ⚠ 26 %   resets Sat 14:50, in 4 d 3 h
        extra usage  ━━━━━━━──────────────────────    ⚠ 24 %   ⚠ $12.34 of $50.00
        last try 2 min ago: 429; the endpoint wants a pause
        next try 12:23, in 33 min

      slot-2  ~/.claude-work      ⚠⚠ measured 1 d 6 h ago · login until 15 Dec
        five-hour    ─────────────────────────────         –
        weekly       ━━━━━━━━━━━━━━━━━━━━━━━━━━━━─  ⚠⚠ ≥98 %   resets Sat 14:50, in 4 d 3 h · near limit
        weekly Opus  ─────────────────────────────         –
        last try 2 min ago: the usage endpoint answered 500

      slot-3  casey@example.com   never measured
        five-hour    ─────────────────────────────         –
        weekly       ─────────────────────────────         –

    jobs  ✓ refresh-tokens 4 min ago    ✗ fetch-quota failing, last ok 1 d 6 h ago

    ✗ vigil.yaml has 2 problems, and no job works until they are mended
      line 3: quota.evry is unknown here; check its spelling and indentation, or remove it
      line 9: refresh has to be direct or off (it is "maybe")
      run: \${EDITOR:-vi} ~/.claude/config/vigil.yaml

    ▲ fetch-quota failed 360 times in a row · since Mon 05:50, 1 d 6 h ago
      slot-1: 429; the endpoint wants a pause
      slot-2: the usage endpoint answered 500
      run: vigil run fetch-quota
    "
  `)
})

test('nothing there', () => {
  expect(screen(SAMPLES.NOTHING_THERE)).toMatchInlineSnapshot(`
    "
    ○ empty  no Claude Code login was found
             run: claude /login

    jobs  ✗ refresh-tokens never run    ✗ fetch-quota never run

    ▲ no job has run yet
      its line for the crontab is in crontab.example; what the shell said is in logs/cron.err
      run: crontab -e
    "
  `)
})

test('used up, paused, running, killed, wide characters', () => {
  const status = statusOf({
    pool: { verdict: 'exhausted', reason: 'a is used up; it recovers', recovers_at: NOW + HOUR_MS, remedy: null },
    accounts: [
      accountOf({ slot: 'a', windows: [windowOf({ used_percent: 104, level: 'full' }), weeklyOf()] }),
      accountOf({ slot: 'Büro-日本語', email: '名前@例え.jp', standing: 'paused', since: NOW - 20 * 24 * HOUR_MS }),
    ],
    current: 'a',
    jobs: [
      jobOf('refresh-tokens', { state: 'running', last_started_at: NOW - 65_000 }),
      jobOf('fetch-quota', { state: 'killed' }),
    ],
  })
  expect(screen(status)).toMatchInlineSnapshot(`
    "
    ■ exhausted  a is used up; it recovers at 12:50, in 1 h

    ▸ a            alex@example.com   current · measured 3 min ago · login until 15 Dec
        five-hour  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━  104 %   resets 14:00, in 2 h 10 min · used up
        weekly     ━━━━━━━━────────────────────────   26 %   resets Sat 14:50, in 4 d 3 h

      Büro-日本語  名前@例え.jp       paused by hand since 4 Nov · measured 3 min ago
        five-hour  ━━━━━━━━━━━╾────────────────────   37 %   resets 14:00, in 2 h 10 min
        weekly     ━━━━━━━━────────────────────────   26 %   resets Sat 14:50, in 4 d 3 h

    jobs  ▸ refresh-tokens running for 1 min    ✗ fetch-quota killed, last ok 4 min ago
    "
  `)
})

test('80 columns: what has no room is told in brief', () => {
  expect(screen(SAMPLES.OLD_FIGURES, { columns: 80 })).toMatchInlineSnapshot(`
    "
    ◐ degraded  slot-2 and slot-3 have no reliable figures; slot-1 has old figures
                only

    ▸ slot-1  alex@example.com
        current · ⚠ measured 18 min ago · login until 15 Dec
        five-hour    ━━━━━╾──────────    ⚠ 37 %   14:00, in 2 h 10 min
        weekly       ━━━━────────────    ⚠ 26 %   Sat 14:50, in 4 d 3 h
        extra usage  ━━━╾────────────    ⚠ 24 %   ⚠ $12.34 of $50.00
        last try 2 min ago: 429; the endpoint wants a pause
        next try 12:23, in 33 min

      slot-2  ~/.claude-work
        ⚠⚠ measured 1 d 6 h ago · login until 15 Dec
        five-hour    ────────────────         –
        weekly       ━━━━━━━━━━━━━━━╾  ⚠⚠ ≥98 %   Sat 14:50, in 4 d 3 h · near limit
        weekly Opus  ────────────────         –
        last try 2 min ago: the usage endpoint answered 500

      slot-3  casey@example.com
        never measured
        five-hour    ────────────────         –
        weekly       ────────────────         –

    jobs  ✓ refresh-tokens 4 min ago    ✗ fetch-quota failing, last ok 1 d 6 h ago

    ✗ vigil.yaml has 2 problems, and no job works until they are mended
      line 3: quota.evry is unknown here; check its spelling and indentation, or
      remove it
      line 9: refresh has to be direct or off (it is "maybe")
      run: \${EDITOR:-vi} ~/.claude/config/vigil.yaml

    ▲ fetch-quota failed 360 times in a row · since Mon 05:50, 1 d 6 h ago
      slot-1: 429; the endpoint wants a pause
      slot-2: the usage endpoint answered 500
      run: vigil run fetch-quota
    "
  `)
})

test('40 columns: each window on two lines, and commands that can still be copied', () => {
  expect(screen(SAMPLES.LOGGED_OUT, { columns: 40 })).toMatchInlineSnapshot(`
    "
    🔺 logged out
      both accounts are logged out
      run: claude /login

    ▸ slot-1  alex@example.com    current
      🔺 logged out: the login is over
         since Sun 14:50, 1 d 21 h ago
         run: claude /login

      work    blake@example.com
      🔺 logged out: the login is over
         since Sun 14:50, 1 d 21 h ago
         run:
      CLAUDE_CONFIG_DIR=~/.claude-work \\
      claude /login

    jobs  ✓ refresh-tokens 4 min ago
          ✓ fetch-quota 3 min ago
    "
  `)
  expect(screen(SAMPLES.OLD_FIGURES, { columns: 40 })).toMatchInlineSnapshot(`
    "
    ◐ degraded
      slot-2 and slot-3 have no reliable
      figures; slot-1 has old figures only

    ▸ slot-1  alex@example.com
      current · ⚠ measured 18 min ago
      login until 15 Dec
      five-hour   ━━━━━━───────────   ⚠ 37 %
        resets 14:00, in 2 h 10 min
      weekly      ━━━━─────────────   ⚠ 26 %
        resets Sat 14:50, in 4 d 3 h
      extra usage ━━━━─────────────   ⚠ 24 %
        ⚠ $12.34 of $50.00
      last try 2 min ago: 429; the endpoint
      wants a pause
      next try 12:23, in 33 min

      slot-2  ~/.claude-work
      ⚠⚠ measured 1 d 6 h ago
      login until 15 Dec
      five-hour   ─────────────────        –
      weekly      ━━━━━━━━━━━━━━━━╾ ⚠⚠ ≥98 %
        resets Sat 14:50, in 4 d 3 h
        near limit
      weekly Opus ─────────────────        –
      last try 2 min ago: the usage endpoint
      answered 500

      slot-3  casey@example.com
      never measured
      five-hour   ─────────────────        –
      weekly      ─────────────────        –

    jobs  ✓ refresh-tokens 4 min ago
          ✗ fetch-quota
            failing, last ok 1 d 6 h ago

    ✗ vigil.yaml has 2 problems, and no job
      works until they are mended
      line 3: quota.evry is unknown here;
      check its spelling and indentation, or
      remove it
      line 9: refresh has to be direct or
      off (it is "maybe")
      run: \${EDITOR:-vi} \\
           ~/.claude/config/vigil.yaml

    ▲ fetch-quota failed 360 times in a row
      since Mon 05:50, 1 d 6 h ago
      slot-1: 429; the endpoint wants a
      pause
      slot-2: the usage endpoint answered
      500
      run: vigil run fetch-quota
    "
  `)
})

test('without UTF-8', () => {
  expect(screen(SAMPLES.OLD_FIGURES, { unicode: false })).toMatchInlineSnapshot(`
    "
    ! degraded  slot-2 and slot-3 have no reliable figures; slot-1 has old figures only

    > slot-1  alex@example.com    current, ! measured 18 min ago, login until 15 Dec
        five-hour    ##########...................     ! 37 %   resets 14:00, in 2 h 10 min
        weekly       #######......................     ! 26 %   resets Sat 14:50, in 4 d 3 h
        extra usage  #######......................     ! 24 %   ! $12.34 of $50.00
        last try 2 min ago: 429; the endpoint wants a pause
        next try 12:23, in 33 min

      slot-2  ~/.claude-work      !! measured 1 d 6 h ago, login until 15 Dec
        five-hour    .............................          -
        weekly       ############################.  !! >=98 %   resets Sat 14:50, in 4 d 3 h, near limit
        weekly Opus  .............................          -
        last try 2 min ago: the usage endpoint answered 500

      slot-3  casey@example.com   never measured
        five-hour    .............................          -
        weekly       .............................          -

    jobs  ok refresh-tokens 4 min ago    x fetch-quota failing, last ok 1 d 6 h ago

    x vigil.yaml has 2 problems, and no job works until they are mended
      line 3: quota.evry is unknown here; check its spelling and indentation, or remove it
      line 9: refresh has to be direct or off (it is "maybe")
      run: \${EDITOR:-vi} ~/.claude/config/vigil.yaml

    ! fetch-quota failed 360 times in a row, since Mon 05:50, 1 d 6 h ago
      slot-1: 429; the endpoint wants a pause
      slot-2: the usage endpoint answered 500
      run: vigil run fetch-quota
    "
  `)
})

test('colours, which say nothing that the text does not say', () => {
  const color = screen(SAMPLES.NEAR_LIMIT, { color: true })
  expect(color.replaceAll('\x1b', '')).toMatchInlineSnapshot(`
    "
    [33m[1m◐ degraded[22m[39m  slot-1 is near a limit

    [1m[36m▸[39m[22m [1mslot-1[22m  alex@example.com   [36mcurrent[39m[2m · [22m[2mmeasured 3 min ago[22m[2m · [22m[2mlogin until 15 Dec[22m
        five-hour    [33m━━━━━━━━━━━━━━━━━━━━━━━━━━━━━[39m[2m───[22m   [33m91 %[39m   [2mresets 14:00, in 2 h 10 min[22m[2m · [22m[33mhigh[39m
        weekly       [31m━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━[39m[2m─[22m   [31m[1m97 %[22m[39m   [2mresets Sat 14:50, in 4 d 3 h[22m[2m · [22m[31m[1mnear limit[22m[39m
        weekly Opus  [31m━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━[39m  [31m[1m100 %[22m[39m   [2mresets Sat 14:50, in 4 d 3 h[22m[2m · [22m[31m[1mused up[22m[39m

    [2mjobs  [22m[32m✓[39m refresh-tokens [2m4 min ago[22m    [32m✓[39m fetch-quota [2m3 min ago[22m
    "
  `)
  for (const status of Object.values(SAMPLES)) {
    expect(withoutStyles(screen(status, { color: true }))).toBe(screen(status))
    expect(screen(status)).not.toContain('\x1b')
  }
})

test('a screen is as wide as its words need: beyond 100 columns nothing changes', () => {
  for (const status of Object.values(SAMPLES)) expect(screen(status, { columns: 200 })).toBe(screen(status))
})

test('times are those of the place', () => {
  expect(screen(SAMPLES.HEALTHY, { timeZone: 'America/New_York' })).toContain('resets 08:00, in 2 h 10 min')
  expect(screen(SAMPLES.HEALTHY, { timeZone: 'Asia/Tokyo' })).toContain('resets 22:00, in 2 h 10 min')
  expect(screen(SAMPLES.HEALTHY, { timeZone: 'Pacific/Auckland' })).toContain('resets Wed 02:00, in 2 h 10 min')
})

test.each([
  ['fresh', '37 %', measured(0)],
  ['stale', '⚠ 37 %', measured(HOUR_MS)],
  ['unreliable while its window lasts', '⚠⚠ ≥37 %', measured(HOUR_MS + 1)],
  ['absent', '–', { freshness: { state: 'absent', age_ms: null }, measured_at: null } as const],
  [
    'dated in the future, so no bound of anything',
    '–',
    { freshness: { state: 'unreliable', age_ms: -HOUR_MS }, measured_at: NOW + HOUR_MS } as const,
  ],
])('a figure that is %s', (_name, figure, change) => {
  const shown = screen(statusOf({ accounts: [accountOf(change)] }))
  expect(/five-hour +[━╾─]+ +(.*?)( {3}|\n)/.exec(shown)![1]).toBe(figure)
})

test('an unreliable figure is dropped with its window, and at once', () => {
  const row = (resets_at: number | null) =>
    screen(statusOf({ accounts: [accountOf({ ...measured(2 * HOUR_MS), windows: [windowOf({ resets_at })] })] }))
  expect(row(NOW + 1)).toContain('≥37 %')
  expect(row(NOW)).not.toContain('%')
  expect(row(NOW - 1)).not.toContain('%')
  expect(row(null)).not.toContain('%')
})

test('a figure is rounded down: no limit is shown as reached before it is', () => {
  const shown = (used_percent: number) =>
    /(\d+) %/.exec(screen(statusOf({ accounts: [accountOf({ windows: [windowOf({ used_percent })] })] })))![1]
  expect([0, 0.9, 94.99, 95, 99.99, 100, 100.5, 250].map(shown)).toEqual([
    '0',
    '0',
    '94',
    '95',
    '99',
    '100',
    '100',
    '250',
  ])
})

test('a bar is full only at the limit, and never empty beside a figure', () => {
  const bar = (used_percent: number) =>
    /[━╾─]+/.exec(screen(statusOf({ accounts: [accountOf({ windows: [windowOf({ used_percent })] })] })))![0]
  expect(bar(0)).toBe('─'.repeat(32))
  expect(bar(0.1)).toBe(`╾${'─'.repeat(31)}`)
  expect(bar(50)).toBe(`${'━'.repeat(16)}${'─'.repeat(16)}`)
  expect(bar(99.99)).toBe(`${'━'.repeat(31)}╾`)
  expect(bar(100)).toBe('━'.repeat(32))
  expect(bar(180)).toBe('━'.repeat(32))
})

test('extra usage without a limit is money alone, with its mark', () => {
  const extra = { used: 7, limit: null, currency: 'EUR' }
  const at = (agoMs: number) => screen(statusOf({ accounts: [accountOf({ extra_usage: extra, ...measured(agoMs) })] }))
  expect(at(0)).toMatch(/extra usage .* – {3}7\.00 EUR\n/)
  expect(at(HOUR_MS)).toMatch(/extra usage .* – {3}⚠ 7\.00 EUR\n/)
  expect(at(2 * HOUR_MS)).not.toContain('extra usage')
})

test('what others wrote cannot steer the terminal or break a line', () => {
  const evil = 'x\x1b[2J\x1b]0;title\x07\ny\u202ez\r\u009b31m'
  const status = statusOf({
    pool: { verdict: 'degraded', reason: evil, recovers_at: null, remedy: evil },
    accounts: [accountOf({ email: evil, windows: [windowOf({ label: evil })] })],
    problems: [
      { severity: 'info', about: 'job', slot: null, what: evil, details: [evil], since: null, remedy: 'vigil run x' },
    ],
  })
  const shown = screen(status)
  expect(shown).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/)
  expect(shown).toContain('x [2J ]0;title y z 31m')
})

test('a problem with many findings shows the first and says where the others are', () => {
  const details = Array.from({ length: 30 }, (_, index) => `slot-${index + 1}: no`)
  const problem: Problem = {
    severity: 'warning',
    about: 'job',
    slot: null,
    what: 'w',
    details,
    since: null,
    remedy: null,
  }
  const shown = screen(statusOf({ problems: [problem] }))
  expect(shown).toContain('slot-8: no\n  and 22 more; see: vigil status --json\n')
  expect(shown).not.toContain('slot-9')
})

test('an account that is logged out still shows what is certain of its windows', () => {
  const account: StatusAccount = {
    ...loggedOutOf('slot-1', '~/.claude', 'alex@example.com'),
    windows: [windowOf(), weeklyOf({ used_percent: 60, resets_at: null })],
    ...measured(2 * HOUR_MS),
  }
  const shown = screen(statusOf({ accounts: [account] }))
  expect(shown).toContain('⚠⚠ measured 2 h ago')
  expect(shown).toContain('⚠⚠ ≥37 %')
  expect(shown).not.toContain('weekly')
})

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
  jobs: fc.array(job, { maxLength: 3 }),
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
      const text = withoutStyles(screen({ ...status, accounts: quiet, problems: [] }, options))
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
