import { join } from 'node:path'
import { RunRecord } from '../domain/run-record.ts'
import { publish } from '../edges/publish.ts'
import { type JsonReading, readJson } from '../edges/read-json.ts'
import { redact } from '../edges/redact.ts'

export function readRunRecord(runsDir: string, job: string): JsonReading<RunRecord> {
  return readJson(join(runsDir, `${job}.json`), RunRecord)
}

/** Durable: a start without an end is a fact that must survive a power cut. */
export async function saveRunRecord(runsDir: string, record: RunRecord): Promise<void> {
  await publish(join(runsDir, `${record.job}.json`), redact(`${JSON.stringify(record, null, 2)}\n`), { durable: true })
}
