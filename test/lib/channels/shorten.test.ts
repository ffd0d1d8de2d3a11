import { describe, expect, it } from 'vitest'
import { render } from '../../../lib/channels/render.ts'
import { shorten } from '../../../lib/channels/shorten.ts'
import { message, notice, ZONE } from '../../support/messages.ts'

const characters = (text: string) => text.length
const bytes = (text: string) => Buffer.byteLength(text)
const one = render(message(), ZONE)
const REMEDY = 'Run: CLAUDE_CONFIG_DIR=~/.claude-work claude /login'

describe('a text that has to be shorter', () => {
  it('is left as it is where it fits, to the character', () => {
    expect(shorten(one, one.text.length, characters)).toBe(one.text)
    expect(shorten(one, one.text.length - 1, characters)).not.toBe(one.text)
  })
  it('gives up what a person can do without, and the command last', () => {
    const texts = [250, 190, 150, 110].map(limit => shorten(one, limit, characters))
    expect(texts.map(text => text.includes('More:'))).toEqual([false, false, false, false])
    expect(texts.map(text => text.includes('invalid_grant'))).toEqual([true, false, false, false])
    expect(texts.map(text => text.includes('Also affected'))).toEqual([true, true, false, false])
    for (const text of texts) expect(text).toContain(REMEDY)
  })
  it('cuts the finding rather than the command, by whole characters', () => {
    const long = notice({ text: { ...notice().text, summary: '🔑'.repeat(3000), details: [], affects: null } })
    const text = shorten(render(message([long]), ZONE), 500, bytes)
    expect(bytes(text)).toBeLessThanOrEqual(500)
    expect(text).toContain(REMEDY)
    expect(text).toMatch(/^(?:🔑)+…\n/u)
    expect(text.isWellFormed()).toBe(true)
  })
  it('is cut all the same where the command alone is too long', () => {
    const long = notice({ text: { ...notice().text, remedy: 'x'.repeat(900) } })
    expect(shorten(render(message([long]), ZONE), 200, characters)).toHaveLength(200)
  })
  it('says how many of several it leaves out', () => {
    const many = Array.from({ length: 20 }, (_none, at) =>
      notice({ key: `AccountInactive{slot-${at}}`, labels: { slot: `slot-${at}` } }),
    ) as [ReturnType<typeof notice>]
    const text = shorten(render(message(many), ZONE), 600, characters)
    expect(text.length).toBeLessThanOrEqual(600)
    const shown = text.match(/Run: /g)!.length
    expect(text).toMatch(new RegExp(`\\n\\n… and ${20 - shown} more: vigil alerts$`))
    expect(shown).toBeGreaterThan(1)
  })
  it('shows the first of several where not even that one fits', () => {
    const long = notice({ text: { ...notice().text, summary: 'y'.repeat(900) } })
    const text = shorten(render(message([long, long]), ZONE), 300, characters)
    expect(text.length).toBeLessThanOrEqual(300)
    expect(text).toContain(REMEDY)
    expect(text).toContain('… and 1 more: vigil alerts')
  })
})
