// The watchdog with one fault each, made around its pure functions and not in them. A test that cannot fail proves nothing.
import type { AlertState, AlertsFile, OutboxEntry } from '../../lib/domain/alert.ts'
import { isAtLeast } from '../../lib/domain/alert.ts'
import { isOn } from './truth.ts'
import type { Machine } from './world.ts'

type Mutant = (real: Machine) => Partial<Machine>
type Stepped = ReturnType<Machine['step']>

/** Changes what `step` gives back. */
const afterStep =
  (change: (after: AlertsFile, before: AlertsFile, now: number, rules: Parameters<Machine['step']>[3]) => AlertsFile) =>
  (real: Machine): Partial<Machine> => ({
    step(before, facts, now, rules): Stepped {
      const stepped = real.step(before, facts, now, rules)
      return { ...stepped, file: change(stepped.file, before, now, rules) }
    },
  })

/** Changes the rules for both that read them. */
const otherRules =
  (change: (rules: Parameters<Machine['step']>[3]) => Parameters<Machine['step']>[3]) =>
  (real: Machine): Partial<Machine> => ({
    step: (file, facts, now, rules) => real.step(file, facts, now, change(rules)),
    planDelivery: (file, now, rules) => real.planDelivery(file, now, change(rules)),
  })

/** Changes what becomes of an entry that its channel did not take. */
const afterFailure =
  (change: (entry: OutboxEntry, now: number) => OutboxEntry) =>
  (real: Machine): Partial<Machine> => ({
    markSent(file, message, result, now) {
      const marked = real.markSent(file, message, result, now)
      if (result.outcome === 'accepted' || result.outcome === 'unconfirmed') return marked
      const ids = new Set(message.notices.map(({ id }) => id))
      return { ...marked, outbox: marked.outbox.map(entry => (ids.has(entry.id) ? change(entry, now) : entry)) }
    },
  })

/** Takes out the promises of this kind. */
const without = (kind: OutboxEntry['kind']) =>
  afterStep(after => ({ ...after, outbox: after.outbox.filter(entry => entry.kind !== kind) }))

const wasOn = (file: AlertsFile, key: string) => file.states.find(state => state.key === key && isOn(state))

function entryOf(state: AlertState, kind: 'firing' | 'resolved', channel: string, n: number, now: number): OutboxEntry {
  const { key, episode, severity } = state
  const id = `${key}#${episode}#${kind === 'firing' ? `f${n}` : 'r'}@${channel}`
  return { id, key, episode, channel, kind, severity, at: now, next: now, tries: 0, last_error: null }
}

/** Those that alerting.md names. */
export const LISTED: Record<string, Mutant> = {
  'marks delivered though it failed': real => ({
    markSent: (file, message, _, now) => real.markSent(file, message, { outcome: 'accepted', detail: '' }, now),
  }),
  'drops what is undelivered on resolve': afterStep((after, before) => ({
    ...after,
    outbox: after.outbox.filter(({ key, kind }) => kind === 'resolved' || !wasOn(before, key) || wasOn(after, key)),
  })),
  'ignores inhibition': afterStep((after, _, now, rules) => {
    if (after.silences.length > 0) return after
    const silent = after.states.filter(
      state =>
        state.phase === 'firing' && Object.keys(state.told).length === 0 && after.flaps[state.key]?.since == null,
    )
    const missing = silent.flatMap(state =>
      rules.channels
        .filter(({ name, minSeverity }) => isAtLeast(state.severity, minSeverity) && !has(after, state.key, name))
        .map(({ name }) => entryOf(state, 'firing', name, 1, now)),
    )
    return { ...after, outbox: [...after.outbox, ...missing] }
  }),
  'takes unknown for ok': real => ({
    step: (file, facts, now, rules) =>
      real.step(
        file,
        facts.map(fact => (fact.verdict === 'unknown' ? { ...fact, verdict: 'ok' as const } : fact)),
        now,
        rules,
      ),
  }),
  'uses an episode number again': afterStep((after, before) => ({ ...after, nextEpisode: before.nextEpisode })),
  'promises a repeat beside one that waits': afterStep((after, before, now) => {
    const waiting = before.outbox.filter(({ kind, tries }) => kind === 'firing' && tries > 2)
    const more = waiting
      .filter(({ id }) => after.outbox.some(entry => entry.id === id))
      .map(entry => ({
        ...entry,
        id: entry.id.replace(/#f(\d+)@/, (_, n) => `#f${Number(n) + 1}@`),
        at: now,
        tries: 0,
      }))
      .filter(({ id }) => !after.outbox.some(entry => entry.id === id))
    return { ...after, outbox: [...after.outbox, ...more] }
  }),
  'sends each notice by itself': real => ({
    planDelivery: (file, now, rules) =>
      real
        .planDelivery(file, now, rules)
        .flatMap(message => message.notices.map(notice => ({ ...message, id: notice.id, notices: [notice] }))),
  }),
}

const has = (file: AlertsFile, key: string, channel: string) =>
  file.outbox.some(entry => entry.key === key && entry.channel === channel)

/** Those that we thought of. */
export const OWN: Record<string, Mutant> = {
  'repeats too early': otherRules(rules => ({ ...rules, repeatEveryMs: rules.repeatEveryMs / 2 })),
  'never repeats': otherRules(rules => ({ ...rules, repeatEveryMs: 1e12 })),
  'resolves what was never told': afterStep((after, before, now, rules) => {
    const over = before.states.filter(state => state.phase === 'recovering' && !wasOn(after, state.key))
    const more = over.flatMap(state =>
      rules.channels
        .filter(({ name }) => state.told[name] === undefined && !has(after, state.key, name))
        .map(({ name }) => entryOf(state, 'resolved', name, 1, now)),
    )
    const kept = new Set(after.states.map(({ key }) => key))
    const states = over
      .filter(({ key }) => !kept.has(key))
      .map(state => ({ ...state, phase: 'resolved' as const, resolvedAt: now }))
    return { ...after, states: [...after.states, ...states], outbox: [...after.outbox, ...more] }
  }),
  'forgets the resolved message': without('resolved'),
  'forgets the combined message': without('combined'),
  'forgets that it became worse': without('escalated'),
  'forgets the word after flapping': without('calm'),
  'sends what a channel did not ask for': otherRules(rules => ({
    ...rules,
    channels: rules.channels.map(channel => ({ ...channel, minSeverity: 'info' })),
  })),
  'never tries again': afterFailure((entry, now) => ({ ...entry, next: now + 1e11 })),
  'tries again at once': afterFailure((entry, now) => ({ ...entry, next: now })),
  'changes the id with each try': afterFailure(entry => ({ ...entry, id: `${entry.id}~${entry.tries}` })),
  'counts no tries': afterFailure(entry => ({ ...entry, tries: 0 })),
  'has no quiet hours': otherRules(rules => ({ ...rules, quietHours: null })),
  'forgets whom it told': real => ({
    markSent(file, message, result, now) {
      const marked = real.markSent(file, message, result, now)
      return { ...marked, states: marked.states.map(state => ({ ...state, told: {} })) }
    },
  }),
  'ignores silences and acks': real => ({
    step(file, facts, now, rules) {
      const stepped = real.step({ ...file, silences: [] }, facts, now, rules)
      return { ...stepped, file: { ...stepped.file, silences: file.silences } }
    },
    planDelivery: (file, now, rules) => real.planDelivery({ ...file, silences: [] }, now, rules),
  }),
  'confirms everything at once': real => ({
    step: (file, facts, now, rules) =>
      real.step(
        file,
        facts.map(fact => ({ ...fact, certain: true })),
        now,
        rules,
      ),
  }),
  'does not see the clock go back': real => ({
    step(file, facts, now, rules) {
      const back = file.lastRunAt !== null && now < file.lastRunAt
      return real.step(back ? { ...file, lastRunAt: now - 60_000 } : file, facts, now, rules)
    },
  }),
  'does not wait after a source ended': real => ({
    step: (file, facts, now, rules) =>
      real.step({ ...file, states: file.states.map(state => ({ ...state, unmutedRuns: null })) }, facts, now, rules),
  }),
  'tells what it was, not what it is': real => {
    const first = new Map<string, AlertState['text']>()
    return {
      planDelivery: (file, now, rules) =>
        real.planDelivery(
          {
            ...file,
            states: file.states.map(state => {
              const of = `${state.key}#${state.episode}`
              if (!first.has(of)) first.set(of, state.text)
              return { ...state, text: first.get(of)! }
            }),
          },
          now,
          rules,
        ),
    }
  },
  'never flaps': real => ({
    step: (file, facts, now, rules) => real.step({ ...file, flaps: {} }, facts, now, rules),
  }),
  'keeps quiet of a broken channel': real => ({
    step: (file, facts, now, rules) =>
      real.step(
        {
          ...file,
          channels: Object.fromEntries(
            Object.entries(file.channels).map(([name, one]) => [name, { ...one, brokenSince: null }]),
          ),
        },
        facts,
        now,
        rules,
      ),
  }),
  'says nothing of what it cannot see': real => ({
    step: (file, facts, now, rules) => real.step({ ...file, unseen: {} }, facts, now, rules),
  }),
  'counts a sleep as time out of sight': real => ({
    step(file, facts, now, rules) {
      const gapMs = file.lastRunAt === null ? 0 : now - file.lastRunAt
      const sleptMs = gapMs > 3 * rules.intervalMs ? gapMs : 0
      const unseen = Object.entries(file.unseen).map(([key, since]) => [key, since - sleptMs])
      return real.step({ ...file, unseen: Object.fromEntries(unseen) }, facts, now, rules)
    },
  }),
  'is content without a confirmation': real => ({
    step: (file, facts, now, rules) =>
      real.step(file, facts, now, {
        ...rules,
        channels: rules.channels.map(channel => ({ ...channel, confirms: true })),
      }),
  }),
  'forgets the other channels when one takes it': real => ({
    markSent(file, message, result, now) {
      const marked = real.markSent(file, message, result, now)
      const keys = new Set(message.notices.map(({ key }) => key))
      return {
        ...marked,
        outbox: marked.outbox.filter(({ key, channel }) => channel === message.channel || !keys.has(key)),
      }
    },
  }),
  'sends before it is time': real => ({
    planDelivery: (file, now, rules) =>
      real.planDelivery({ ...file, outbox: file.outbox.map(entry => ({ ...entry, next: now })) }, now, rules),
  }),
}

export const mutate = (real: Machine, mutant: Mutant): Machine => ({ ...real, ...mutant(real) })
