// docs/alerts.md has a section for each alert, and says of each what it means, what to do and what keeps it quiet.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ALERT_NAMES } from '../lib/domain/alert.ts'
import { ALERT_RULES } from '../lib/domain/alert-rules.ts'
import { REPO } from './support/scratch-vigil.ts'

const text = readFileSync(join(REPO, 'docs/alerts.md'), 'utf8')
const sections = new Map(
  text
    .split(/^## /m)
    .slice(1)
    .map(section => [section.split('\n')[0]!, section]),
)

describe('docs/alerts.md', () => {
  it('has the alerts that there are, in their order, and no other', () => {
    expect([...sections.keys()]).toEqual([...ALERT_NAMES])
  })
  it('is in step with the rules', () => {
    expect(Object.keys(ALERT_RULES)).toEqual([...ALERT_NAMES])
  })
  it.each([...sections])('says of %s what it means, what to do, and what keeps it quiet', (_name, section) => {
    for (const word of ['Means', 'Do', 'Quiet while']) expect(section).toMatch(new RegExp(`\\*\\*${word}:\\*\\* \\S`))
  })
  it('names what mutes each by its rule', () => {
    const labels = { slot: 'a', of: 'quota' }
    for (const name of ALERT_NAMES) {
      const said = sections.get(name)!
      for (const key of ALERT_RULES[name].mutedBy({ labels })) {
        const source = /^[^{]*/.exec(key)![0]
        const words: Record<string, RegExp> = {
          AllInactive: /all accounts are logged out|account is logged out/,
          AccountInactive: /account is logged out/,
          JobFailed: /job fails/,
          JobMissing: /does not start/,
          JobsAllMissing: /JobsAllMissing|does not start/,
          HostOffline: /network/,
        }
        expect([name, source, words[source]?.test(said) || said.includes(source)]).toEqual([name, source, true])
      }
    }
  })
})
