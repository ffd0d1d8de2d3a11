import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DAYS_KEPT, type LocalSpend, localDate, shiftDate, spendOf } from '../../../lib/domain/spend.ts'
import { measureSpend } from '../../../lib/flows/measure-spend.ts'
import { ccusageSays, histories, writer } from '../../support/histories.ts'

// More, and others: VIGIL_HISTORIES=2000 VIGIL_SEED=7 npx vitest run <this file>
const RUNS = Number(process.env['VIGIL_HISTORIES'] ?? 80)
const SEED = Number(process.env['VIGIL_SEED'] ?? 20_261_120)

/** Every measurement syncs a file or two; a disk makes that most of the time. */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

test('whatever befell the transcripts, the figures are those of the whole history to the cent', async () => {
  const seen = { narrow: 0, full: 0, differed: 0, part: 0, of: 0, reasons: new Map<string, number>() }
  await fc.assert(
    fc.asyncProperty(histories, async ({ before, steps }) => {
      const scratch = mkdtempSync(join(MEMORY, 'vigil-history-'))
      try {
        const configDir = join(scratch, 'config')
        const projectsDir = join(configDir, 'projects')
        mkdirSync(projectsDir, { recursive: true })
        const history = writer(projectsDir, Date.now(), steps)
        history.before(before)
        for (const step of steps) {
          const now = history.step(step) + step.clockOffMs
          const result = await measureSpend({
            key: 'slot-1',
            projectsDir,
            workDir: join(scratch, 'work'),
            now,
            zone: step.zone,
            deadlineMs: 30_000,
            signal: new AbortController().signal,
            log: () => undefined,
            narrowFromBytes: 0,
          })
          const since = shiftDate(localDate(now, step.zone), 1 - DAYS_KEPT)
          const usage = ccusageSays(configDir, join(scratch, 'work/home'), since, step.zone)
          if (result.kind !== 'figures') throw new Error(result.reason)
          expect(toTheCent(result.spend)).toEqual(toTheCent(spendOf(usage, [], now, step.zone)))
          seen[result.mode] += 1
          if (result.mode === 'narrow') {
            seen.part += result.bytes.read
            seen.of += result.bytes.of
          }
          if (result.audit?.equal === false) seen.differed += 1
          const reason = result.reason.replace(/\d{4}-\d\d-\d\d|^\d+ /, '')
          seen.reasons.set(reason, (seen.reasons.get(reason) ?? 0) + 1)
        }
      } finally {
        rmSync(scratch, { recursive: true, force: true })
      }
    }),
    { numRuns: RUNS, seed: SEED, endOnFailure: true },
  )
  if (process.env['VIGIL_HISTORIES']) console.log(seen)
  // An audit is for what nobody thought of: none of all this may raise it.
  expect(seen.differed).toBe(0)
  // And it proves nothing if the whole was read each time.
  expect(seen.narrow).toBeGreaterThan(seen.full / 3)
  expect(seen.part).toBeLessThan(seen.of * 0.6)
}, 3_600_000)

/** Sums may differ in their last bits, and a projection by what a minute that ended meanwhile costs. */
function toTheCent(spend: LocalSpend) {
  const cents = (usd: number | null | undefined) => (usd == null ? null : Math.round(usd * 100 + 1e-6))
  const { block } = spend
  return {
    ...spend,
    todayUsd: cents(spend.todayUsd),
    days: Object.fromEntries(Object.entries(spend.days).map(([date, usd]) => [date, cents(usd)])),
    block: block && {
      ...block,
      costUsd: cents(block.costUsd),
      burnRateUsdPerHour: cents(block.burnRateUsdPerHour),
      projectedCostUsd: block.projectedCostUsd === null ? null : 'known',
    },
  }
}
