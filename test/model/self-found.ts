// What the watchdog finds by itself: broken channels, keys out of sight, critical alerts that no channel has confirmed.
import type { AlertsFile } from '../../lib/domain/alert.ts'
import { ALERT_RULES } from '../../lib/domain/alert-rules.ts'
import { isOn, liveState } from './truth.ts'
import { violation } from './violation.ts'
import type { Memory } from './written.ts'

/** More than it may take until the lack of a confirmation is told. */
const LONG_RUNS = 8
const LONG_MS = LONG_RUNS * 60_000

export function checkSelfFound(memory: Memory, after: AlertsFile): void {
  const isFiring = (key: string) => liveState(after, key)?.phase === 'firing'
  for (const [name, { refusedMono }] of memory.ears) {
    if (isFiring(`ChannelBroken{${name}}`) !== (refusedMono !== null))
      violation('broken', `${name} ${refusedMono === null ? 'works' : 'refuses, unnoticed'}`)
  }
  for (const { key, phase, unknownSinceMono } of memory.truths.values()) {
    const { unknownMs } = ALERT_RULES[key.split('{')[0] as keyof typeof ALERT_RULES]
    const unseenMs = unknownSinceMono === null ? -1 : memory.mono - unknownSinceMono
    const told = isFiring(`NoData{${key}}`)
    if (told && unseenMs < unknownMs) violation('no-data', `${key} can be seen`)
    if (!told && unseenMs > unknownMs && phase !== 'over')
      violation('no-data', `${key} is out of sight, and nobody says so`)
  }
  checkConfirmed(memory, isFiring('NoConfirmedChannel'))
}

function checkConfirmed(memory: Memory, told: boolean): void {
  const { rules, ears, unsilencedRuns } = memory
  const critical = [...memory.truths.values()].filter(truth => truth.severity === 'critical' && isOn(truth))
  memory.calmRuns = critical.length > 0 ? 0 : memory.calmRuns + 1
  if (told && memory.calmRuns > 2) violation('no-confirmed', 'there is no critical alert')
  const confirming = rules.channels.filter(({ confirms }) => confirms)
  for (const { key, episode, firingRuns, firingMono, severityRuns, muting, mayFlap } of critical) {
    if (confirming.some(({ name }) => ears.get(name)?.heard.has(`${key}#${episode}`))) continue
    const clearRuns = Object.values(muting).map(one => one.clearRuns)
    const runs = Math.min(memory.plainRuns, firingRuns, severityRuns, unsilencedRuns.get(key)!, ...clearRuns)
    const isLong = runs > LONG_RUNS && memory.mono - firingMono > LONG_MS && !mayFlap
    if (!told && isLong) violation('no-confirmed', `of ${key}, and nobody says so`)
  }
}
