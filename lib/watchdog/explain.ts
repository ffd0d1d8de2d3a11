// Why an alert did or did not go out, in lines for a person. It decides nothing: it asks what decides.
import { ALERT_NAMES, type AlertState, type AlertsFile, type ChannelSpec, isAtLeast } from '../domain/alert.ts'
import { ALERT_RULES } from '../domain/alert-rules.ts'
import { heldBy } from './deliver.ts'
import { ackOf, isQuiet, matches, mutingKey, silenceOf } from './quiet.ts'
import type { WatchRules } from './step.ts'

/** The keys that a person may mean: the key itself, its name alone, or the beginning of either before a `*`. */
export function keysMeant(known: readonly string[], said: string): string[] {
  const lower = said.toLowerCase()
  const keys = [...new Set(known)]
  const exact = keys.filter(key => key.toLowerCase() === lower)
  if (exact.length > 0) return exact
  return keys.filter(key => matches({ match: lower }, key.toLowerCase()) || key.toLowerCase().startsWith(`${lower}{`))
}

/**
 * What a silence is to match, from the words of a person: a key, or the beginning of keys before a `*`. A name alone means
 * all of them. It may be of an alert that does not fire yet.
 * @returns null where no alert has such a name: it would hold nothing
 */
export function silencePattern(known: readonly string[], said: string): string | null {
  const exact = known.find(key => key.toLowerCase() === said.toLowerCase())
  if (exact !== undefined) return exact
  const [written, rest] = [/^[^{*]*/.exec(said)![0], /[{*].*$/.exec(said)?.[0] ?? '*']
  const lower = written.toLowerCase()
  if (rest === '*' && said.endsWith('*')) {
    const beginning = ALERT_NAMES.find(name => name.toLowerCase().startsWith(lower))?.slice(0, written.length)
    return beginning === undefined ? null : `${beginning}*`
  }
  const name = ALERT_NAMES.find(name => name.toLowerCase() === lower)
  return name === undefined ? null : `${name}${rest}`
}

export interface Explanation {
  key: string
  /** Where it stands in its life, with the reason. */
  standing: string
  /** One for each channel. */
  channels: Array<{ name: string; says: string }>
}

/** @param iso how a moment is written, for ms */
export function explain(
  file: AlertsFile,
  key: string,
  now: number,
  rules: WatchRules,
  iso: (at: number) => string,
): Explanation {
  const state = file.states.filter(known => known.key === key).sort((a, b) => b.episode - a.episode)[0]
  if (state === undefined) {
    const unseen = file.unseen[key]
    const standing =
      unseen === undefined
        ? 'it is not bad now, as far as the watchdog saw in its latest run'
        : `it cannot be seen since ${iso(unseen)}, so it is neither told nor taken back`
    return { key, standing, channels: [] }
  }
  return {
    key,
    standing: standingText(state, file, iso),
    channels: rules.channels.map(channel => ({
      name: channel.name,
      says: channelText(file, state, channel, now, rules, iso),
    })),
  }
}

function standingText(state: AlertState, file: AlertsFile, iso: (at: number) => string): string {
  const rule = ALERT_RULES[state.name]
  const blind = file.unseen[state.key] === undefined ? '' : '; it cannot be seen now, so it stays as it is'
  switch (state.phase) {
    case 'pending':
      return `pending since ${iso(state.pendingSince)}: bad in ${state.badRuns} of ${rule.confirm} runs, for at least ${rule.forMs / 1000} s${blind}`
    case 'firing':
      return `firing since ${iso(state.firedAt ?? state.pendingSince)} (episode ${state.episode})${blind}`
    case 'recovering':
      return `ok since ${iso(state.okSince ?? 0)}; it is over once that has held for ${rule.keepMs / 1000} s${blind}`
    case 'resolved':
      return `over since ${iso(state.resolvedAt ?? 0)}`
  }
}

function channelText(
  file: AlertsFile,
  state: AlertState,
  channel: ChannelSpec,
  now: number,
  rules: WatchRules,
  iso: (at: number) => string,
): string {
  const entry = file.outbox.find(
    ({ key, episode, channel: name }) => key === state.key && episode === state.episode && name === channel.name,
  )
  if (entry !== undefined) {
    const why = heldBy(file, entry, channel, now, isQuiet(rules.quietHours, now)) ?? 'it goes out with the next run'
    const error = entry.last_error === null ? '' : `; the last try said: ${entry.last_error}`
    return `${entry.kind} was promised at ${iso(entry.at)} and waits: ${why}${error}`
  }
  if (!isAtLeast(state.severity, channel.minSeverity))
    return `not told: it is ${state.severity}, and the channel takes ${channel.minSeverity} and worse`
  const told = state.told[channel.name]
  const flap = file.flaps[state.key]
  if (flap?.since != null && flap.told.includes(channel.name))
    return `told that it comes and goes; the next message says that it stopped`
  const silence = silenceOf(file, state.key, now)
  const before = told === undefined ? 'not told' : `told at ${iso(told.at)}`
  if (silence !== null) return `${before}; silenced until ${iso(silence.until)}`
  const muting = mutingKey(file, state, channel)
  if (muting !== null) return `${before}; ${muting} says more`
  if (state.phase === 'pending') return 'not told: it is not confirmed yet'
  if (told === undefined) return 'not told'
  if (state.phase !== 'firing') return before
  if (!ALERT_RULES[state.name].lasts) return `${before}; it is told once`
  const ack = ackOf(file, state, now)
  if (ack !== null) return `${before}; not repeated before ${iso(ack.until)}, for it was acknowledged`
  return `${before}; told again at ${iso(told.at + rules.repeatEveryMs)} if it is so then`
}
