// What the watchdog knows of itself: its channels, and what it cannot see.
import { type AlertsFile, alertKey, type ChannelSpec, type Fact } from '../domain/alert.ts'
import { ALERT_RULES } from '../domain/alert-rules.ts'
import { silenceOf } from './quiet.ts'

/** A critical alert may go unconfirmed for so many runs before that is a fact of its own. */
const UNCONFIRMED_INTERVALS = 2

const TEST_COMMAND = 'vigil alerts test'

export function ownFacts(
  file: AlertsFile,
  facts: readonly Fact[],
  channels: readonly ChannelSpec[],
  now: number,
  intervalMs: number,
): { facts: Fact[]; unseen: Record<string, number> } {
  const unseen = unseenKeys(file, facts, now)
  return {
    facts: [
      ...brokenChannels(file, channels),
      unconfirmed(file, channels, now, intervalMs),
      ...noData(file, facts, unseen, now),
    ],
    unseen,
  }
}

function brokenChannels(file: AlertsFile, channels: readonly ChannelSpec[]): Fact[] {
  const alive = file.states.filter(({ name }) => name === 'ChannelBroken').map(({ labels }) => labels['channel'] ?? '')
  const names = new Set([...channels.map(({ name }) => name), ...alive])
  return [...names].map(channel => {
    const known = channels.some(({ name }) => name === channel) ? file.channels[channel] : undefined
    const bad = known !== undefined && known.brokenSince !== null
    return {
      name: 'ChannelBroken',
      labels: { channel },
      verdict: bad ? 'bad' : 'ok',
      severity: 'warning',
      text: {
        summary: bad ? `the channel ${channel} refuses messages` : `the channel ${channel} takes messages again`,
        details: known?.lastError ? [known.lastError] : [],
        remedy: TEST_COMMAND,
        affects: 'what it was to say waits, and is sent once it is mended',
      },
      since: known?.brokenSince ?? null,
    }
  })
}

/** Bad where a critical alert has fired for some runs and no channel that can confirm has taken it. */
function unconfirmed(file: AlertsFile, channels: readonly ChannelSpec[], now: number, intervalMs: number): Fact {
  const confirming = channels.filter(({ confirms }) => confirms)
  const alone = file.states.filter(
    state =>
      state.severity === 'critical' &&
      (state.phase === 'firing' || state.phase === 'recovering') &&
      state.firedAt !== null &&
      now - state.firedAt >= UNCONFIRMED_INTERVALS * intervalMs &&
      state.unmutedRuns === null &&
      silenceOf(file, state.key, now) === null &&
      file.flaps[state.key]?.since == null &&
      !confirming.some(({ name }) => state.told[name] !== undefined),
  )
  const why = confirming.length === 0 ? 'none is set up' : 'none of them accepted it'
  return {
    name: 'NoConfirmedChannel',
    labels: {},
    verdict: alone.length > 0 ? 'bad' : 'ok',
    severity: 'warning',
    text: {
      summary: `nobody can say that a critical alert reached anyone: of the channels that confirm, ${why}`,
      details: alone.map(({ key }) => key),
      remedy: TEST_COMMAND,
      affects: null,
    },
    since: null,
  }
}

/** Since when each key is out of sight: one without a fact is as unknown as one that says so. */
function unseenKeys(file: AlertsFile, facts: readonly Fact[], now: number): Record<string, number> {
  const verdicts = new Map(facts.map(fact => [alertKey(fact), fact.verdict]))
  const alive = file.states.filter(({ phase, name }) => phase !== 'resolved' && !OWN.includes(name))
  const keys = new Set([...verdicts.keys(), ...alive.map(({ key }) => key)])
  const unseen: Record<string, number> = {}
  for (const key of keys) {
    if ((verdicts.get(key) ?? 'unknown') === 'unknown') unseen[key] = Math.min(file.unseen[key] ?? now, now)
  }
  return unseen
}

const OWN: string[] = ['ChannelBroken', 'NoConfirmedChannel', 'NoData', 'ClockJump']

function noData(file: AlertsFile, facts: readonly Fact[], unseen: Record<string, number>, now: number): Fact[] {
  const alive = file.states.filter(({ name }) => name === 'NoData').map(({ labels }) => labels['key'] ?? '')
  const severities = new Map(facts.map(fact => [alertKey(fact), fact.text]))
  return [...new Set([...Object.keys(unseen), ...alive])].flatMap(key => {
    const since = unseen[key]
    const name = /^[^{]*/.exec(key)![0] as keyof typeof ALERT_RULES
    const bad = since !== undefined && now - since > ALERT_RULES[name].unknownMs
    if (!bad && !alive.includes(key)) return []
    const text = severities.get(key)
    return [
      {
        name: 'NoData' as const,
        labels: { key },
        verdict: bad ? ('bad' as const) : ('ok' as const),
        severity: 'warning' as const,
        text: {
          summary: `nobody can see whether ${key} is so`,
          details: text?.details ?? [],
          remedy: text?.remedy ?? 'vigil status',
          affects: 'until it can be seen, it is neither told nor taken back',
        },
        since: since ?? null,
      },
    ]
  })
}
