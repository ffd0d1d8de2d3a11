import { describe, expect, test } from 'vitest'
import type { Problem, Status, StatusAccount } from '../../../lib/domain/status.ts'
import { withoutStyles } from '../../../lib/screen/ansi.ts'
import { SAMPLES } from './sample-screens.ts'
import {
  accountOf,
  HOUR_MS,
  jobOf,
  loggedOutOf,
  measured,
  NOW,
  screen,
  statusOf,
  weeklyOf,
  windowOf,
} from './samples.ts'

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
      vigil install sets up what starts it; what the shell said is in logs/cron.err
      run: vigil install
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

describe('alerts', () => {
  const none = statusOf().alerts
  const line = (alerts: Partial<Status['alerts']>) =>
    screen(statusOf({ alerts: { ...none, ...alerts } }))
      .split('\n')
      .find(text => text.includes('vigil alerts'))
  test('take no line while there is nothing to say of them', () => {
    expect(line({})).toBeUndefined()
  })
  test('are counted, with what waits and which channel refuses', () => {
    const firing = [
      { key: 'DiskLow', severity: 'warning' as const, since: NOW },
      { key: 'AllInactive', severity: 'critical' as const, since: NOW },
    ]
    expect(line({ firing, waiting: { email: 2 }, broken_channels: ['team'], silenced: ['Data*'] })).toBe(
      '2 alerts fire · 2 waiting for email · team refuses messages · 1 silenced · vigil alerts',
    )
  })
  test('that wait are told although nothing fires any more', () => {
    expect(line({ waiting: { email: 1 } })).toBe('no alert fires · 1 waiting for email · vigil alerts')
  })
})
