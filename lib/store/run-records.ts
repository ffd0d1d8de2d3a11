import { join } from 'node:path'
import { RunRecord } from '../domain/run-record.ts'
import { publish } from '../edges/publish.ts'
import { type JsonReading, readJson } from '../edges/read-json.ts'
import { redactedJson } from '../edges/redact.ts'

/** Their values come from a list: a secret that is spelled like one of them must not make the record unreadable. */
const FROM_A_LIST = ['outcome', 'failure', 'kind']

export function readRunRecord(runsDir: string, job: string): JsonReading<RunRecord> {
  return readJson(join(runsDir, `${job}.json`), RunRecord)
}

/** Durable: a start without an end is a fact that must survive a power cut. */
export async function saveRunRecord(runsDir: string, record: RunRecord): Promise<void> {
  const text = `${redactedJson(record, FROM_A_LIST, 2)}\n`
  await publish(join(runsDir, `${record.job}.json`), text, { durable: true, blocking: true })
}
