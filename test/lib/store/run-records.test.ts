import { mkdtempSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { beginRecord, endRecord } from '../../../lib/domain/run-record.ts'
import { hideSecret } from '../../../lib/edges/redact.ts'
import { appendLog, readRunRecord, saveRunRecord } from '../../../lib/store/runs.ts'

const begun = () => beginRecord(null, { job: 'refresh-tokens', runId: 'r', pid: 1, version: '0', now: 1 })

it.each(['counters', 'last_success_at', 'terminated', 'permission', 'unfinished_before'])(
  'a token that is spelled %s leaves the record readable',
  async word => {
    hideSecret(word)
    const runs = mkdtempSync(join(homedir(), 'runs-'))
    const failure = { outcome: 'failed', reason: `it said ${word}`, failure: 'permission' } as const
    const end = { outcome: 'terminated', exitCode: 75, reason: word, failure: 'permission' } as const
    const record = endRecord({ ...begun(), accounts: { 'slot-1': failure }, counters: { fetched: 1 } }, end, 2)
    await saveRunRecord(runs, record)
    expect(readRunRecord(runs, 'refresh-tokens')).toEqual({
      state: 'present',
      value: {
        ...record,
        reason: '[redacted]',
        accounts: { 'slot-1': { ...failure, reason: 'it said [redacted]' } },
      },
    })
  },
)

it('a token that is spelled like a key of the log leaves its lines readable', () => {
  hideSecret('my-own-message')
  hideSecret('attempts')
  const path = join(mkdtempSync(join(homedir(), 'log-')), 'x.log')
  appendLog(path, 0, 'warn', 'it said my-own-message', { attempts: 3, refreshToken: 'short' })
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
    time: '1970-01-01T00:00:00.000Z',
    level: 'warn',
    message: 'it said [redacted]',
    attempts: 3,
    refreshToken: '[redacted]',
  })
})
