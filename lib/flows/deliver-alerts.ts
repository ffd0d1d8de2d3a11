// Sends what is due, through all channels side by side, and marks each message the moment its channel answers.

import type { Channel, SendContext } from '../channels/channel.ts'
import { type Delivery, openDelivery, surroundingsOf } from '../channels/index.ts'
import type { AlertsFile, Message, SendResult } from '../domain/alert.ts'
import type { FailureClass, RunRecord } from '../domain/run-record.ts'
import type { Run } from '../job.ts'
import { loadDelivery } from '../settings.ts'
import { saveAlerts } from '../store/alerts.ts'
import { readRunRecord } from '../store/runs.ts'
import { DELIVERY_TIMEOUT_MS } from '../timings.ts'
import { markSent } from '../watchdog/deliver.ts'
import type { WatchRules } from '../watchdog/step.ts'
import { tolerant } from './look-at-jobs.ts'
import { isKnown, reportUnconfirmed } from './unconfirmed.ts'

/** @returns the file with what each channel answered, as it stands on the disk */
export async function deliver(
  file: AlertsFile,
  due: readonly Message[],
  rules: WatchRules,
  run: Run,
): Promise<AlertsFile> {
  const delivery = openDelivery(await loadDelivery(run.paths), surroundingsOf(run.environment))
  const context: SendContext = {
    signal: AbortSignal.any([run.signal, AbortSignal.timeout(DELIVERY_TIMEOUT_MS)]),
    now: run.now,
  }
  const runId = `${run.now}`
  const started = delivery.deadMan.watchdog?.('start', runId, '', context)
  let present = file
  let failed = 0
  let saving: Promise<void> = Promise.resolve()
  const keep = (change: (file: AlertsFile) => AlertsFile): Promise<void> => {
    present = change(present)
    // One after the other: two at once would race for the file, and the older could win.
    saving = saving.then(() => saveAlerts(run.paths, present))
    return saving
  }
  const confirms = (name: string) => rules.channels.some(channel => channel.name === name && channel.confirms)
  const notShown: { message: Message; result: SendResult }[] = []
  const ofChannel = Map.groupBy(due, ({ channel }) => channel)
  await Promise.all([
    ...[...ofChannel].map(async ([name, messages]) => {
      const channel = delivery.channels.find(known => known.name === name)
      for (const message of messages.flatMap(whole => (channel?.batches === false ? single(whole) : [whole]))) {
        const result = await send(channel, message, context)
        tell(message, result, run)
        if (result.outcome === 'retry' && !confirms(name)) notShown.push({ message, result })
        else if (reportTrouble(name, result, run)) failed += 1
        await keep(before => markSent(before, message, result, run.clock()))
      }
    }),
    ...delivery.mirrors.map(async mirror => {
      const result = await mirror.send(file.states, context)
      if (!reportTrouble(mirror.name, result, run)) return
      failed += 1
      if (result.outcome === 'refused') await keep(before => markBroken(before, mirror.name, result, run.clock()))
    }),
  ])
  for (const { message, result } of notShown)
    if (!isKnown(present, message, rules) && reportTrouble(message.channel, result, run)) failed += 1
  failed += reportUnconfirmed(present, rules, run)
  const [said] = await Promise.all([
    delivery.deadMan.watchdog?.(failed > 0 ? 'fail' : 'success', runId, `${failed} messages failed`, context),
    started,
    ...pings(delivery, present, run, context, change => keep(change)),
  ])
  if (said) reportTrouble('dead_man.watchdog', said, run)
  await saving
  return present
}

async function send(channel: Channel | undefined, message: Message, context: SendContext): Promise<SendResult> {
  if (channel !== undefined) return channel.send(message, context)
  return { outcome: 'retry', detail: 'vigil.yaml does not say how to reach it just now', retryAfterMs: null }
}

/** One message for each alert, for a channel that can take no more at once. */
function single(message: Message): Message[] {
  return message.notices.map(notice => ({ ...message, id: notice.id, notices: [notice] }))
}

function tell(message: Message, result: SendResult, run: Run): void {
  const ids = message.notices.map(({ id }) => id).join(', ')
  run.count(result.outcome)
  run.log('info', `${message.channel} ${result.outcome}: ${ids}: ${result.detail}`, { channel: message.channel })
}

/** A failed delivery is a failed run. @returns whether it is one */
function reportTrouble(name: string, result: SendResult, run: Run): boolean {
  if (result.outcome !== 'retry' && result.outcome !== 'refused') return false
  const failure: FailureClass = result.outcome === 'retry' ? 'temporary' : 'permission'
  run.report(name, { outcome: result.outcome, reason: result.detail, failure })
  return true
}

function markBroken(file: AlertsFile, name: string, { detail }: SendResult, now: number): AlertsFile {
  const known = file.channels[name] ?? { brokenSince: null, lastError: null, lastAcceptedAt: null }
  const channel = { ...known, brokenSince: known.brokenSince ?? now, lastError: detail }
  return { ...file, channels: { ...file.channels, [name]: channel } }
}

/** Tells a job's dead man's switch of each run of it that has ended, once. */
function pings(
  delivery: Delivery,
  file: AlertsFile,
  run: Run,
  context: SendContext,
  keep: (change: (file: AlertsFile) => AlertsFile) => Promise<void>,
): Promise<void>[] {
  return Object.entries(delivery.deadMan.jobs).map(async ([job, ping]) => {
    const reading = tolerant(() => readRunRecord(run.paths.runs, job))
    const record: RunRecord | null = reading.state === 'present' ? reading.value : null
    if (record === null || record.ended_at === null || file.pinged[job] === record.run_id) return
    const result = await ping(record.outcome === 'ok' ? 'success' : 'fail', record.run_id, record.reason, context)
    if (reportTrouble(`dead_man.jobs.${job}`, result, run)) return
    await keep(before => ({ ...before, pinged: { ...before.pinged, [job]: record.run_id } }))
  })
}
