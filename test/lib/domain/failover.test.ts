import { describe, expect, it } from 'vitest'
import { hitOfHook, hitOfPane, hitOfTranscript } from '../../../lib/domain/evidence.ts'
import { withFailedSwap } from '../../../lib/domain/failover.ts'
import { NO_FAILOVER } from '../../../lib/domain/failover-state.ts'
import { account, done, HOUR, hit, MINUTE, NOON, poll } from './failover-cases.ts'

const three = () => [account('a'), account('b', { five: 10, week: 10 }), account('c', { five: 50, week: 50 })]

describe('a hit', () => {
  it('with a reset time counts at once', () => {
    const { decision, events } = poll(three(), { hits: [hit({ resetsAt: NOON + HOUR })] })
    expect(decision).toMatchObject({ do: 'swap', code: 'spent', from: 'a', to: 'b', until: NOON + HOUR })
    expect(events).toEqual(['a spent'])
  })
  it('without one is suspected, and not acted on', () => {
    const { decision, events } = poll(three(), { hits: [hit()] })
    expect(decision).toMatchObject({ do: 'stay', code: 'suspected' })
    expect(events).toEqual(['a suspected'])
  })
  it('without one counts once it is said again in a second poll', () => {
    const first = poll(three(), { hits: [hit()] })
    const later = NOON + MINUTE
    expect(poll(three(), { state: first.state, now: later }).decision).toMatchObject({ code: 'suspected' })
    const second = poll([account('a', { measuredAt: NOON - MINUTE }), account('b', {}, later)], {
      state: first.state,
      now: later,
      hits: [hit({ at: NOON + 30_000 })],
    })
    expect(second.events).toEqual(['a confirmed'])
    expect(second.decision).toMatchObject({ do: 'swap', to: 'b' })
  })
  it('without one counts when another session says it by another source', () => {
    const hits = [hit(), hit({ source: 'transcript', session: 's2', at: NOON + 1 })]
    expect(poll(three(), { hits }).decision).toMatchObject({ do: 'swap', to: 'b' })
  })
  it('told by hook and transcript of one session is one event', () => {
    const hits = [hit(), hit({ source: 'transcript', at: NOON + 1 })]
    expect(poll(three(), { hits }).decision).toMatchObject({ do: 'stay', code: 'suspected' })
    const state = poll(three(), { hits: [hit()] }).state
    const late = hit({ source: 'transcript', at: NOON + 5000 })
    expect(poll(three(), { state, now: NOON + MINUTE, hits: [late] }).decision).toMatchObject({ code: 'suspected' })
  })
  it('that is suspected is cleared by newer figures that show room', () => {
    const { state } = poll(three(), { hits: [hit()] })
    const now = NOON + 2 * MINUTE
    const good = [account('a', { measuredAt: NOON + MINUTE }), account('b', {}, now)]
    const cleared = poll(good, { state, now })
    expect(cleared.events).toEqual(['a cleared'])
    expect(cleared.decision).toMatchObject({ do: 'stay', code: 'room' })
    const again = hit({ at: NOON + 90_000 })
    expect(poll(good, { state: cleared.state, now, hits: [again] }).decision).toMatchObject({ code: 'suspected' })
  })
  it('that is older than figures that show room counts for nothing, and neither does one whose reset has passed', () => {
    expect(poll(three(), { hits: [hit({ at: NOON - 2 * MINUTE, resetsAt: NOON + HOUR })] }).events).toEqual([
      'a cleared',
    ])
    expect(poll(three(), { hits: [hit({ resetsAt: NOON })] }).events).toEqual(['a expired'])
  })
  it('that is suspected is forgotten after 15 minutes', () => {
    const { state } = poll(three(), { hits: [hit()] })
    const at = (now: number) => poll([account('a', { measuredAt: NOON - MINUTE })], { state, now }).events
    expect(at(NOON + 15 * MINUTE)).toEqual([])
    expect(at(NOON + 15 * MINUTE + 1)).toEqual(['a expired'])
  })
  it('of another account than the current one moves nothing', () => {
    const { decision } = poll(three(), { hits: [hit({ slot: 'b', resetsAt: NOON + HOUR })] })
    expect(decision).toMatchObject({ do: 'stay', code: 'room' })
  })
})

describe('500s that say "rate limit", for an hour, by every source', () => {
  it('move nothing, and suspect nobody', () => {
    let state = NO_FAILOVER
    for (let minute = 0; minute < 60; minute += 1) {
      const now = NOON + minute * MINUTE
      const body = 'API Error: 500 {"error":{"message":"rate limit reached, resets 3pm (UTC)"}}'
      const line = {
        isApiErrorMessage: true,
        timestamp: new Date(now).toISOString(),
        apiErrorStatus: 500,
        error: 'rate_limit',
      }
      const shown = { transcript_path: null, last_assistant_message: body }
      const hook = { session_id: `s${minute}`, error: 'rate_limit', error_details: body, ...shown }
      const hits = [
        hitOfHook(hook, 'a', now),
        hitOfHook({ ...hook, error: 'server_error' }, 'a', now),
        hitOfHook({ ...hook, error_details: null }, 'a', now),
        hitOfTranscript(JSON.stringify({ ...line, message: { content: body } }), 'a'),
        hitOfPane(`  ⎿  ${body}`, 'a', now),
      ].flatMap(found => found ?? [])
      const played = poll([account('a', {}, now), account('b', {}, now)], { state, now, hits })
      expect(played.decision).toMatchObject({ do: 'stay', code: 'room' })
      expect(played.events).toEqual([])
      state = played.state
    }
  })
})

describe('a level', () => {
  it.each([
    [94.9, 'stay'],
    [95, 'swap'],
    [100, 'swap'],
  ])('of 95 %% in the five-hour window: at %d it is %s', (five, did) => {
    expect(poll([account('a', { five }), account('b')]).decision.do).toBe(did)
  })
  it('may be one of the account and window', () => {
    const used = () => [account('a', { week: 71 }), account('b')]
    expect(poll(used(), { rules: { levelsOf: { a: { seven_day: 70 } } } }).decision.do).toBe('swap')
    expect(poll(used(), { rules: { levelsOf: { b: { seven_day: 70 } } } }).decision.do).toBe('stay')
  })
  it('that is off leaves only the wall', () => {
    const rules = { levels: { five_hour: null, seven_day: null } }
    expect(poll([account('a', { five: 99.9 }), account('b')], { rules }).decision.do).toBe('stay')
    expect(poll([account('a', { five: 100 }), account('b')], { rules }).decision.do).toBe('swap')
  })
  it.each([
    [89.9, 'swap'],
    [90, 'blocked'],
  ])('is kept away from by 5 %%: an account at %d is a %s', (five, did) => {
    expect(poll([account('a', { five: 96 }), account('b', { five })]).decision.do).toBe(did)
  })
  it('holds for old figures too while their window lasts', () => {
    const old = account('a', { five: 96, measuredAt: NOON - 2 * HOUR })
    expect(poll([old, account('b')]).decision.do).toBe('swap')
  })
})

describe('the cooldown', () => {
  const swapped = () => done(poll(three(), { hits: [hit({ resetsAt: NOON + HOUR })] }))
  const full = (now: number) => [account('a', {}, now), account('b', { five: 100 }, now), account('c', {}, now)]
  it.each([
    [5 * MINUTE - 1, 'stay'],
    [5 * MINUTE, 'swap'],
  ])('holds dispatch: after %d ms it is %s', (later, did) => {
    const now = NOON + later
    expect(poll(full(now), { state: swapped(), now, current: 'b' }).decision.do).toBe(did)
  })
  it('holds detection: what is said without a reset time is not even suspected', () => {
    const now = NOON + MINUTE
    const { events, state } = poll(three(), {
      state: swapped(),
      now,
      current: 'b',
      hits: [hit({ slot: 'b', at: now })],
    })
    expect(events).toEqual(['b held'])
    expect(state.suspects).toEqual({})
  })
  it('holds nothing for longer where the clock was set back', () => {
    const now = NOON - 6 * MINUTE
    expect(poll(full(now), { state: swapped(), now, current: 'b' }).decision.do).toBe('swap')
  })
  it('counts from a switch that failed too', () => {
    const state = withFailedSwap(NO_FAILOVER, 'b', NOON)
    const now = NOON + 4 * MINUTE
    const accounts = [account('a', { five: 100 }, now), account('b', {}, now), account('c', {}, now)]
    expect(poll(accounts, { state, now }).decision).toMatchObject({ do: 'stay', code: 'cooldown' })
    expect(poll(accounts, { state, now: NOON + 5 * MINUTE }).decision).toMatchObject({ do: 'swap', to: 'c' })
  })
})

describe('the account that was left', () => {
  const state = () => done(poll([account('a', { five: 96 }), account('b')]))
  const back = (now: number, a: Parameters<typeof account>[1]) =>
    poll([account('a', { measuredAt: now - MINUTE, ...a }), account('b', { five: 100 }, now)], {
      state: state(),
      now,
      current: 'b',
    })
  it('is not returned to before its reset, even with room', () => {
    expect(back(NOON + HOUR, { five: 10 }).decision).toMatchObject({ do: 'exhausted', recoversAt: NOON + 3 * HOUR })
  })
  it('is returned to after it', () => {
    const now = NOON + 3 * HOUR
    const later = poll(
      [
        account('a', { five: 1, fiveResets: now + 5 * HOUR }, now),
        account('b', { five: 100, fiveResets: now + HOUR }, now),
      ],
      { state: state(), now, current: 'b' },
    )
    expect(later.decision).toMatchObject({ do: 'swap', to: 'a' })
  })
  it('is returned to earlier where its window began anew before its time', () => {
    const early = back(NOON + HOUR, { five: 1, fiveResets: NOON + 6 * HOUR })
    expect(early.events).toContain('a recovered')
    expect(early.decision).toMatchObject({ do: 'swap', to: 'a' })
  })
})

describe('an account that may not be switched to', () => {
  const others = (b: Parameters<typeof account>[1]) => poll([account('a', { five: 100 }), account('b', b)]).decision
  it.each([
    ['stale', { measuredAt: NOON - 10 * MINUTE - 1 }, 'blocked'],
    ['from the future', { measuredAt: NOON + 3 * MINUTE }, 'blocked'],
    ['never measured', null, 'blocked'],
    ['of a window that is over', { fiveResets: NOON }, 'blocked'],
    ['without a known figure', { five: null, week: null }, 'blocked'],
    ['inactive', { standing: 'inactive' as const }, 'exhausted'],
    ['paused', { standing: 'paused' as const }, 'exhausted'],
    ['spent', { week: 100 }, 'exhausted'],
  ])('is one that is %s', (_what, b, did) => {
    expect(others(b).do).toBe(did)
  })
  it('is none whose figures are just fresh', () => {
    expect(others({ measuredAt: NOON - 10 * MINUTE })).toMatchObject({ do: 'swap', to: 'b' })
  })
})

describe('of several', () => {
  const accounts = () => [
    account('a', { five: 100 }),
    account('b', { five: 40, week: 10, weekResets: NOON + 50 * HOUR }),
    account('c', { five: 30, week: 50, weekResets: NOON + 10 * HOUR }),
    account('d', { five: 20, week: 20, weekResets: NOON + 90 * HOUR }),
  ]
  it.each([
    ['most-room', [], 'd'],
    ['soonest-reset', [], 'c'],
    ['priority', ['c', 'd'], 'c'],
    ['priority', ['a', 'b'], 'b'],
    ['priority', [], 'b'],
  ] as const)('%s %j takes %s', (strategy, priority, to) => {
    expect(poll(accounts(), { rules: { strategy, priority } }).decision).toMatchObject({ do: 'swap', to })
  })
})

describe('nothing left', () => {
  it('is told with the earliest recovery', () => {
    const accounts = [
      account('a', { five: 100, fiveResets: NOON + 2 * HOUR }),
      account('b', { five: 100, week: 100, fiveResets: NOON + HOUR }),
      account('c', { standing: 'inactive' }),
    ]
    expect(poll(accounts).decision).toMatchObject({ do: 'exhausted', recoversAt: NOON + 2 * HOUR })
  })
  it('stays so when a window was reset, until figures prove it', () => {
    const accounts = (now: number, five: number, fiveResets = NOON + 2 * MINUTE) => [
      account('a', { five: 100, fiveResets: NOON + 2 * HOUR }, now),
      account('b', { five, fiveResets, measuredAt: NOON - MINUTE }),
    ]
    const { state } = poll(accounts(NOON, 100))
    const at = (minutes: number, figures = accounts(NOON, 100)) =>
      poll(figures, { state, now: NOON + minutes * MINUTE }).decision
    expect(at(1)).toMatchObject({ do: 'exhausted', recoversAt: NOON + 2 * MINUTE })
    expect(at(2)).toMatchObject({ do: 'exhausted', recoversAt: NOON + 2 * MINUTE })
    expect(at(9)).toMatchObject({ do: 'exhausted' })
    expect(at(10)).toMatchObject({ do: 'blocked', reason: expect.stringContaining('old figures') })
    const measured = [
      accounts(NOON, 100)[0]!,
      account('b', { five: 0, fiveResets: null, measuredAt: NOON + 4 * MINUTE }),
    ]
    expect(at(5, measured)).toMatchObject({ do: 'swap', to: 'b' })
  })
  it('is not said where only a level was reached', () => {
    const { decision } = poll([account('a', { five: 96 }), account('b', { five: 100 })])
    expect(decision).toMatchObject({ do: 'blocked', code: 'high' })
  })
  it('ends early where newer figures show room', () => {
    const spent = poll([account('a')], { hits: [hit({ resetsAt: NOON + HOUR })] })
    expect(spent.decision.do).toBe('exhausted')
    const now = NOON + 10 * MINUTE
    const early = poll([account('a', {}, now)], { state: spent.state, now })
    expect(early.events).toEqual(['a recovered'])
    expect(early.decision).toMatchObject({ do: 'stay', code: 'room' })
  })
})

it('leaves an account whose login is over', () => {
  const { decision } = poll([account('a', { standing: 'inactive' }), account('b')])
  expect(decision).toMatchObject({ do: 'swap', code: 'inactive', to: 'b' })
})
