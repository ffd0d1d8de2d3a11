import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { isProcessAlive } from '../../../lib/edges/kernel-lock.ts'

test('this process is alive', () => {
  expect(isProcessAlive(process.pid)).toBe(true)
})

test('a process that was never there is not', () => {
  expect(isProcessAlive(2 ** 30)).toBe(false)
})

test.runIf(process.platform === 'linux')(
  'one that has ended, and that its parent has not asked for, is not',
  async () => {
    // The shell becomes a sleeper that never waits for its child.
    const parent = spawn('/bin/sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    try {
      const pid = await new Promise<number>(resolve => parent.stdout.once('data', data => resolve(Number(data))))
      await expect.poll(() => readFileSync(`/proc/${pid}/stat`, 'utf8'), { timeout: 20_000 }).toContain(') Z ')
      expect(isProcessAlive(pid)).toBe(false)
    } finally {
      parent.kill('SIGKILL')
    }
  },
)
