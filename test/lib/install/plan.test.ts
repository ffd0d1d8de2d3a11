import { describe, expect, it } from 'vitest'
import { withBlock } from '../../../lib/install/crontab-text.ts'
import { cronLines, inUse, isEmpty, type Plan, planInstall, planLines, rootsInUse } from '../../../lib/install/plan.ts'
import { wantedEntries } from '../../../lib/install/schedule-files.ts'
import { EXAMPLE_PLACE } from '../../../lib/install/start-script.ts'

const at = (root: string) => ({ ...EXAMPLE_PLACE, root })
const homes = {
  home: '/home/me',
  health: '/home/me/.claude/session-health',
  logs: '/home/me/.claude/session-health/logs',
}
const nothing = { crontab: null, entries: new Map() }
const planned = (...words: Parameters<typeof planInstall>): Plan => {
  const plan = planInstall(...words)
  if (typeof plan === 'string') throw new Error(plan)
  return plan
}

it.each([
  [600, true],
  [700, false],
])('a path of %i characters fits into a line of cron: %s', (length, fits) => {
  const plan = planInstall(nothing, cronLines(at(`/${'x'.repeat(length)}`), 'm'), new Map())
  expect(typeof plan === 'string' ? plan : fits).toBe(
    fits || 'the path of this checkout is too long for a line of cron; move the checkout to a shorter one',
  )
})

it('what is installed already needs no change, whichever scheduler it is', () => {
  for (const name of ['cron', 'launchd', 'systemd'] as const) {
    const lines = name === 'cron' ? cronLines(at('/opt/ü'), 'm') : null
    const entries = wantedEntries(name, homes, at('/opt/ü'), 'm', '# gone')
    const plan = planned(nothing, lines, entries)
    expect(isEmpty(plan)).toBe(false)
    const now = { crontab: plan.crontab?.to ?? null, entries }
    expect(isEmpty(planned(now, lines, entries))).toBe(true)
    expect(inUse(now)).toEqual([name])
    expect(rootsInUse(now)).toEqual(['/opt/ü'])
    const out = planned(now, null, new Map())
    expect(out.crontab?.to ?? null).toBeNull()
    expect(out.entries.map(({ path, to }) => [path, to])).toEqual([...entries.keys()].sort().map(path => [path, null]))
  }
})

describe('the diff', () => {
  it('shows our lines that go and that come, and nobody else’s', () => {
    const crontab = withBlock('TOKEN=secret\n', cronLines(at('/old'), 'm'))!
    const lines = planLines(
      planned({ crontab, entries: new Map() }, cronLines(at('/new'), 'm'), new Map()),
      path => path,
    )
    expect(lines[0]).toBe('crontab')
    const jobs = cronLines(EXAMPLE_PLACE, 'm').length
    expect(lines.filter(line => line.startsWith('  - ') && line.includes('v="/old"'))).toHaveLength(jobs)
    expect(lines.filter(line => line.startsWith('  + ') && line.includes('v="/new"'))).toHaveLength(jobs)
    expect(lines).toHaveLength(2 * jobs + 1)
  })
  it('is in the letters of a person', () => {
    const lines = planLines(planned(nothing, cronLines(at('/home/jürgen/vigil'), 'm'), new Map()), path => path)
    expect(lines.join('\n')).toContain('v="/home/jürgen/vigil"')
  })
})
