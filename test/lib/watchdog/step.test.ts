import { describe, expect, it } from 'vitest'
import { fact, HOUR_MS, MINUTE_MS, ok, rounds, START, unknown } from './rounds.ts'

const slot1 = fact('AccountInactive', { slot: 'slot-1' })
const slot2 = fact('AccountInactive', { slot: 'slot-2' })
const all = fact('AllInactive', {}, { severity: 'critical' })
const stale = fact('DataStale', { of: 'quota', slot: 'slot-1' })
const retry = { outcome: 'retry', detail: 'timed out', retryAfterMs: null } as const
const refused = { outcome: 'refused', detail: '550 no such user' } as const

describe('confirming', () => {
  it('tells at once what one look proves, and once', () => {
    const watch = rounds()
    expect(watch.run([slot1])).toEqual(['AccountInactive{slot-1}#f1@desktop', 'AccountInactive{slot-1}#f1@email'])
    expect(watch.runs(10, [slot1])).toEqual([])
  })
  it('waits for a second look, and for the time that the rule asks', () => {
    const watch = rounds()
    expect(watch.run([all], 59_000)).toEqual([])
    expect(watch.run([all], 1000)).toEqual([])
    expect(watch.run([all])).toEqual(['AllInactive#f1@desktop', 'AllInactive#f1@email'])
  })
  it('forgets in silence what was bad only once', () => {
    const watch = rounds()
    watch.run([stale])
    expect(watch.run([ok(stale)])).toEqual([])
    expect(watch.run([stale])).toEqual([])
    expect(watch.file().states).toMatchObject([{ phase: 'pending', badRuns: 1 }])
  })
  it('is neither furthered nor undone by what cannot be seen', () => {
    const watch = rounds()
    watch.run([stale])
    expect(watch.runs(5, [unknown(stale)])).toEqual([])
    expect(watch.runs(5, [])).toEqual([])
    expect(watch.file().states).toMatchObject([{ phase: 'pending', badRuns: 1 }])
    expect(watch.run([stale])).toHaveLength(2)
  })
})

describe('the end', () => {
  it('is told once it has held for two minutes, to whom was told', () => {
    const watch = rounds()
    watch.run([slot1])
    expect(watch.runs(2, [ok(slot1)])).toEqual([])
    expect(watch.run([ok(slot1)])).toEqual(['AccountInactive{slot-1}#r@desktop', 'AccountInactive{slot-1}#r@email'])
    expect(watch.runs(20, [ok(slot1)])).toEqual([])
    expect(watch.file()).toMatchObject({ states: [], outbox: [] })
  })
  it('is none while it cannot be seen', () => {
    const watch = rounds()
    watch.run([slot1])
    expect(watch.runs(30, [unknown(slot1)])).toEqual([])
    expect(watch.file().states).toMatchObject([{ phase: 'firing' }])
  })
  it('is taken back by a flicker, without a word', () => {
    const watch = rounds()
    watch.run([slot1])
    watch.run([ok(slot1)])
    expect(watch.run([slot1])).toEqual([])
    expect(watch.file().states).toMatchObject([{ phase: 'firing', okSince: null }])
  })
})

describe('a channel that cannot take it', () => {
  it('gets it later, with the pauses of a retry, and never twice', () => {
    const watch = rounds()
    watch.answers['email'] = retry
    watch.runs(40, [slot1])
    expect(watch.file().outbox).toMatchObject([{ channel: 'email', kind: 'firing', tries: 6, last_error: 'timed out' }])
    delete watch.answers['email']
    expect(watch.runs(31, [slot1])).toEqual(['AccountInactive{slot-1}#f1@email'])
  })
  it('gets one message where all of it is over by then', () => {
    const watch = rounds()
    watch.answers['email'] = retry
    watch.run([slot1])
    watch.runs(5, [ok(slot1)])
    delete watch.answers['email']
    expect(watch.runs(31, [ok(slot1)])).toEqual(['AccountInactive{slot-1}#c@email'])
  })
  it('that refuses is told on the others, tried each half hour, and told again when it is mended', () => {
    const watch = rounds()
    watch.answers['email'] = refused
    watch.run([slot1])
    expect(watch.run([slot1])).toEqual(['ChannelBroken{email}#f1@desktop'])
    expect(watch.runs(27, [slot1])).toEqual([])
    expect(watch.file().outbox).toMatchObject([{ tries: 1 }])
    delete watch.answers['email']
    expect(watch.runs(10, [slot1])).toEqual(['AccountInactive{slot-1}#f1@email', 'ChannelBroken{email}#r@desktop'])
  })
})

describe('one alert instead of many', () => {
  it('a pending source holds its targets, a firing one mutes them', () => {
    const watch = rounds()
    expect(watch.runs(60, [all, slot1, slot2])).toEqual(['AllInactive#f1@desktop', 'AllInactive#f1@email'])
  })
  it('what is left when the source has ended waits for the run that ends it and one more', () => {
    const watch = rounds()
    watch.runs(3, [all, slot1, slot2])
    expect(watch.runs(2, [ok(all), ok(slot1), slot2])).toEqual([])
    expect(watch.run([ok(all), ok(slot1), slot2])).toEqual(['AllInactive#r@desktop', 'AllInactive#r@email'])
    expect(watch.run([ok(all), ok(slot1), slot2])).toEqual([])
    expect(watch.run([ok(all), ok(slot1), slot2])).toEqual([
      'AccountInactive{slot-2}#f1@desktop',
      'AccountInactive{slot-2}#f1@email',
    ])
  })
  it('what is critical gives way only to what the same channel is told of', () => {
    const watch = rounds()
    const offline = fact('HostOffline', {}, { severity: 'info' })
    watch.runs(4, [offline])
    expect(watch.runs(3, [offline, all, stale])).toEqual(['AllInactive#f1@desktop', 'AllInactive#f1@email'])
  })
})

describe('repeating', () => {
  it('is each four hours from when it was accepted', () => {
    const watch = rounds()
    watch.run([slot1])
    expect(watch.runs(239, [slot1])).toEqual([])
    expect(watch.run([slot1])).toEqual(['AccountInactive{slot-1}#f2@desktop', 'AccountInactive{slot-1}#f2@email'])
  })
  it('ends with an ack of the episode, and a silence holds the first too', () => {
    const watch = rounds()
    watch.run([slot1])
    const [state] = watch.file().states
    const base = { id: 1, match: state!.key, at: START, until: START + 24 * HOUR_MS, note: '' }
    watch.edit(file => ({ ...file, silences: [{ ...base, kind: 'ack', episode: state!.episode }] }))
    expect(watch.runs(600, [slot1])).toEqual([])
    watch.edit(file => ({
      ...file,
      silences: [{ ...base, match: 'Data*', kind: 'silence', episode: null, until: watch.now() + HOUR_MS }],
    }))
    expect(watch.runs(59, [stale, slot1]).filter(id => id.startsWith('Data'))).toEqual([])
  })
  it('an escalation is told at once', () => {
    const watch = rounds()
    watch.run([slot1])
    expect(watch.run([{ ...slot1, severity: 'critical' }])).toEqual([
      'AccountInactive{slot-1}#esc-critical@desktop',
      'AccountInactive{slot-1}#esc-critical@email',
    ])
  })
})

describe('flapping', () => {
  it('the fourth turn within an hour is one message, and the next says that it stopped', () => {
    const watch = rounds()
    const sent: string[] = []
    for (let turn = 0; turn < 6; turn++) sent.push(...watch.run([slot1]), ...watch.run([ok(slot1)]))
    expect(sent.filter(id => id.endsWith('@email')).map(id => id.replace(/\d{9,}/, ''))).toEqual([
      'AccountInactive{slot-1}#f1@email',
      'AccountInactive{slot-1}#flap@email',
    ])
    const after = watch.runs(65, [ok(slot1)]).filter(id => id.endsWith('@email'))
    expect(after.map(id => id.replace(/\d{9,}/, ''))).toEqual(['AccountInactive{slot-1}#calm@email'])
  })
})

describe('the clock', () => {
  it('set back moves all that is remembered along, and is told', () => {
    const watch = rounds()
    watch.run([slot1])
    watch.skip(-3 * HOUR_MS)
    expect(watch.run([slot1])).toEqual(['ClockJump#f1@desktop', 'ClockJump#f1@email'])
    const told = watch.file().states.find(({ name }) => name === 'AccountInactive')!.told['email']!
    expect(told.at).toBeLessThan(watch.now())
    expect(watch.runs(30, [slot1])).toEqual([])
  })
  it('a gap of more than three intervals is a sleep', () => {
    const watch = rounds()
    watch.run([], 3 * MINUTE_MS)
    watch.run([], 3 * MINUTE_MS + 1)
    expect(watch.file().awakeSince).toBeNull()
    watch.run([])
    expect(watch.file().awakeSince).toBe(START + 6 * MINUTE_MS + 1)
  })
})

describe('what cannot be seen for long', () => {
  it('is a fact of its own, and ends with the first look', () => {
    const watch = rounds()
    expect(watch.runs(46, [unknown(stale)])).toEqual([])
    expect(watch.run([unknown(stale)])).toHaveLength(2)
    expect(watch.file().states).toMatchObject([{ key: 'NoData{DataStale{quota,slot-1}}' }])
    expect(watch.runs(3, [ok(stale)])).toHaveLength(2)
  })
})

describe('quiet hours', () => {
  const quietHours = { from: '12:00', to: '13:00', zone: 'UTC' }
  it('hold what is not critical until they end', () => {
    const watch = rounds({ quietHours })
    expect(watch.runs(24, [slot1])).toEqual([])
    expect(watch.run([slot1])).toHaveLength(2)
  })
  it('let what is critical through', () => {
    const watch = rounds({ quietHours })
    expect(watch.runs(3, [all])).toHaveLength(2)
  })
  it('leave one line of what came and went in them', () => {
    const watch = rounds({ quietHours })
    watch.run([slot1])
    watch.runs(10, [ok(slot1)])
    expect(watch.runs(20, [ok(slot1)])).toEqual([
      'AccountInactive{slot-1}#c@desktop',
      'AccountInactive{slot-1}#c@email',
    ])
  })
})

describe('a critical alert that no channel confirms', () => {
  it('is told as that', () => {
    const watch = rounds()
    watch.answers['email'] = retry
    watch.runs(3, [all])
    expect(watch.runs(3, [all]).filter(id => id.startsWith('NoConfirmed'))).toEqual(['NoConfirmedChannel#f1@desktop'])
  })
})
