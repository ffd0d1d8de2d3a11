// Which messages a run promises, to which channel. What is promised once is delivered or becomes part of what follows it;
// for one key, episode and channel never more than one message waits.
import {
  type AlertState,
  type AlertsFile,
  type ChannelSpec,
  isAtLeast,
  type NoticeKind,
  type OutboxEntry,
} from '../domain/alert.ts'
import { ALERT_RULES } from '../domain/alert-rules.ts'
import type { Flapping } from './flapping.ts'
import { ackOf, mutingKey, silenceOf } from './quiet.ts'
import type { Decision, WatchRules } from './step.ts'

/** @param before the flaps as they were before this run: whom the calm is owed to */
export function promises(
  file: AlertsFile,
  now: number,
  rules: WatchRules,
  flapping: Flapping & { before: AlertsFile['flaps']; resolved: readonly AlertState[] },
): { outbox: OutboxEntry[]; flaps: AlertsFile['flaps']; decisions: Decision[] } {
  const decisions: Decision[] = []
  let outbox = file.outbox.filter(entry => rules.channels.some(({ name }) => name === entry.channel))
  const flaps = { ...file.flaps }
  const waits = (state: AlertState, channel: string, ...kinds: NoticeKind[]) =>
    outbox.filter(
      entry =>
        entry.key === state.key &&
        entry.episode === state.episode &&
        entry.channel === channel &&
        (kinds.length === 0 || kinds.includes(entry.kind)),
    )
  const withdraw = (entries: readonly OutboxEntry[]) => {
    outbox = outbox.filter(entry => !entries.includes(entry))
  }
  const promise = (state: AlertState, channel: string, kind: NoticeKind, suffix: string, reason: string) => {
    const { key, episode, severity } = state
    const id = `${key}#${episode}#${suffix}@${channel}`
    outbox = [...outbox, { id, key, episode, channel, kind, severity, at: now, next: now, tries: 0, last_error: null }]
    decisions.push({ key, did: `promised ${kind} to ${channel}`, reason })
  }

  for (const state of flapping.resolved) {
    for (const { name } of rules.channels) {
      if (!ALERT_RULES[state.name].lasts || flaps[state.key]?.told.includes(name)) continue
      const told = state.told[name]
      const unsaid = waits(state, name, 'firing', 'escalated')
      const calm = waits(state, name, 'calm')
      if (calm.length > 0) {
        outbox = outbox.map(entry => (calm.includes(entry) ? renamed(entry, 'over') : entry))
        continue
      }
      withdraw(unsaid)
      if (told !== undefined)
        promise(
          { ...state, severity: told.severity },
          name,
          'resolved',
          'r',
          'it is over, and the channel was told of it',
        )
      else if (unsaid[0] !== undefined) {
        const { at, next, tries, last_error } = unsaid[0]
        const id = `${state.key}#${state.episode}#c@${name}`
        outbox = [...outbox, { ...unsaid[0], id, kind: 'combined', at, next, tries, last_error }]
        decisions.push({
          key: state.key,
          did: `promised combined to ${name}`,
          reason: 'it is over before the channel could be told',
        })
      }
    }
  }

  for (const key of flapping.ended) {
    const latest = file.states.filter(state => state.key === key).sort((a, b) => b.episode - a.episode)[0]
    for (const name of flapping.before[key]?.told ?? []) {
      withdraw(outbox.filter(entry => entry.key === key && entry.channel === name && entry.kind === 'flapping'))
      if (latest !== undefined && latest.episode > 0 && rules.channels.some(channel => channel.name === name)) {
        withdraw(waits(latest, name))
        promise(latest, name, 'calm', `calm${seconds(flapping.before[key]!.since)}`, 'it was quiet for an hour')
      }
    }
  }

  for (const state of file.states) {
    if (state.phase !== 'firing') continue
    for (const channel of eligible(file, state, rules.channels, now)) {
      const { name } = channel
      const flap = flaps[state.key]
      if (flapping.began.has(state.key)) {
        withdraw(waits(state, name, 'firing', 'escalated'))
        // Of an earlier episode too: said after this one, it would be the last word and wrong.
        withdraw(outbox.filter(entry => entry.key === state.key && entry.channel === name && entry.kind === 'calm'))
        promise(state, name, 'flapping', `flap${seconds(flap!.since)}`, 'it comes and goes')
        flaps[state.key] = { ...flaps[state.key]!, told: [...flaps[state.key]!.told, name] }
        continue
      }
      if (flap?.told.includes(name)) continue
      const unsaid = waits(state, name)
      if (unsaid.length > 0) {
        outbox = outbox.map(entry => (unsaid.includes(entry) ? worsened(entry, state) : entry))
        continue
      }
      const told = state.told[name]
      if (told === undefined) promise(state, name, 'firing', 'f1', 'it fires')
      else if (!isAtLeast(told.severity, state.severity)) {
        promise(state, name, 'escalated', `esc-${state.severity}`, `${told.severity} became ${state.severity}`)
      } else if (isRepeatDue(file, state, told.at, now, rules)) {
        promise(state, name, 'firing', `f${told.firing + 1}`, 'it fires still')
      }
    }
  }
  return { outbox, flaps, decisions }
}

/** What waits became worse: it says so under an id of its own. */
function worsened(entry: OutboxEntry, { severity }: AlertState): OutboxEntry {
  return isAtLeast(entry.severity, severity) ? entry : { ...renamed(entry, severity), severity }
}

/** Who took it without our knowing, and drops what comes again under the same id, must not miss that it says something else. */
function renamed(entry: OutboxEntry, suffix: string): OutboxEntry {
  const end = `@${entry.channel}`
  return { ...entry, id: `${entry.id.slice(0, -end.length)}-${suffix}${end}` }
}

function eligible(file: AlertsFile, state: AlertState, channels: readonly ChannelSpec[], now: number): ChannelSpec[] {
  if (silenceOf(file, state.key, now) !== null) return []
  return channels.filter(
    channel =>
      isAtLeast(state.severity, channel.minSeverity) &&
      // A broken channel cannot tell of itself.
      !(state.name === 'ChannelBroken' && state.labels['channel'] === channel.name) &&
      !isMuted(file, state, channel),
  )
}

/** Muted now, or waiting whether it ends with what muted it. What is critical does not wait. */
export function isMuted(file: AlertsFile, state: AlertState, channel: ChannelSpec): boolean {
  const waits = state.severity !== 'critical' && (state.unmutedRuns ?? 0) > 0
  return waits || mutingKey(file, state, channel) !== null
}

function isRepeatDue(file: AlertsFile, state: AlertState, toldAt: number, now: number, rules: WatchRules): boolean {
  return ALERT_RULES[state.name].lasts && now - toldAt >= rules.repeatEveryMs && ackOf(file, state, now) === null
}

function seconds(ms: number | null): number {
  return Math.floor((ms ?? 0) / 1000)
}
