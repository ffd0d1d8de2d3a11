import { describe, expect, it } from 'vitest'
import { render } from '../../../lib/channels/render.ts'
import { renderHtml } from '../../../lib/channels/render-html.ts'
import { message, NOW, notice, ZONE } from '../../support/messages.ts'

const MINUTE_MS = 60_000
const said = (changes: Parameters<typeof notice>[0] = {}) => render(message([notice(changes)]), ZONE)

describe('a message', () => {
  it('says what is wrong, since when, whose it is, what mends it and what else it hits, in this order', () => {
    expect(said()).toMatchObject({
      title: '🟠 The login of slot-2 is over',
      subject: '🟠 Vigil: Account inactive (slot-2)',
      text: [
        'The login of slot-2 is over.',
        '– Anthropic answered invalid_grant',
        'Since 14:00 (2 h 10 min).',
        'Account: slot-2',
        'Run: CLAUDE_CONFIG_DIR=~/.claude-work claude /login',
        'Also affected: its quota is no longer measured',
        "More: docs/alerts.md#accountinactive, or vigil why 'AccountInactive{slot-2}'",
      ].join('\n'),
    })
  })
  it('says no more than it knows', () => {
    const text = { summary: 'The machine is offline', details: [], remedy: null, affects: null }
    expect(said({ name: 'HostOffline', key: 'HostOffline', labels: {}, severity: 'info', text }).text).toBe(
      'The machine is offline.\nSince 14:00 (2 h 10 min).\nMore: docs/alerts.md#hostoffline, or vigil why HostOffline',
    )
  })
  it.each([
    [{ n: 2 }, 'Still so: The login of slot-2 is over.'],
    [{ kind: 'escalated' }, 'Worse now: The login of slot-2 is over.'],
    [{ kind: 'flapping' }, 'Comes and goes: The login of slot-2 is over.'],
    [{ kind: 'calm' }, 'No longer comes and goes: The login of slot-2 is over.'],
  ] as const)('begins with what is new: %j', (changes, first) => {
    expect(said(changes).text.split('\n')[0]).toBe(first)
  })
  it('that it is over says how long it lasted, and asks for nothing', () => {
    expect(said({ kind: 'resolved', resolvedAt: NOW - 4 * MINUTE_MS })).toMatchObject({
      title: '✅ Over: The login of slot-2 is over',
      subject: '✅ Vigil: Account inactive (slot-2)',
      text: [
        'Over: The login of slot-2 is over.',
        'It lasted 2 h 6 min, from 14:00 to 16:06.',
        'Account: slot-2',
        "More: docs/alerts.md#accountinactive, or vigil why 'AccountInactive{slot-2}'",
      ].join('\n'),
    })
  })
  it('of both at once says that it fired, is over, and comes late', () => {
    const { text } = said({ kind: 'combined', resolvedAt: NOW - 60 * MINUTE_MS, lateMs: 130 * MINUTE_MS })
    expect(text.split('\n').slice(0, 3)).toEqual([
      'Was so, and is over: The login of slot-2 is over.',
      'It began at 14:00 and was over at 15:10, after 1 h 10 min. This comes late: it could not be told in between.',
      'This message comes 2 h 10 min late.',
    ])
  })
  it.each([
    [0, false],
    [59_999, false],
    [60_000, true],
  ])('that is late by %d ms says so: %s', (lateMs, says) => {
    expect(said({ lateMs }).text.includes('late')).toBe(says)
  })
  it('of several has a part for each, and ✅ only once all are over', () => {
    const other = notice({
      key: 'AccountInactive{slot-3}',
      labels: { slot: 'slot-3' },
      kind: 'resolved',
      resolvedAt: NOW,
    })
    const both = render(message([notice(), other]), ZONE)
    expect(both.subject).toBe('🟠 Vigil: 2 alerts: Account inactive (slot-2), Account inactive (slot-3)')
    expect(both.text).toContain('🟠 Account inactive (slot-2)\nThe login')
    expect(both.text).toContain('\n\n✅ Account inactive (slot-3)\nOver: The login')
    expect(render(message([{ ...other }, other]), ZONE).subject).toMatch(/^✅/)
  })
  it('keeps its subject through an episode, whatever the figures do', () => {
    const subjectOf = (summary: string, changes: object) =>
      said({ ...changes, text: { summary, details: [], remedy: null, affects: null } }).subject
    expect(subjectOf('slot-2 has used 83 %', {})).toBe('🟠 Vigil: Account inactive (slot-2)')
    expect(subjectOf('slot-2 has used 97 %', { n: 4, kind: 'firing' })).toBe('🟠 Vigil: Account inactive (slot-2)')
  })
  it('of a fact from the future counts no time backwards', () => {
    expect(said({ since: NOW + 5 * MINUTE_MS }).text).toContain('\nSince 16:15.\n')
  })
})

describe('a mail in HTML', () => {
  const html = (changes: Parameters<typeof notice>[0] = {}) => renderHtml(said(changes))
  it('has the command by itself, to be copied', () => {
    expect(html()).toContain('>CLAUDE_CONFIG_DIR=~/.claude-work claude /login</div>')
  })
  it('shows what an alert holds and never obeys it', () => {
    const text = { summary: '<img src=x onerror="x">', details: ['</style><b>'], remedy: 'a && b', affects: null }
    const page = html({ text, labels: { slot: '<i>' } })
    expect(page).toContain('&lt;img src=x onerror=&quot;x&quot;&gt;')
    expect(page).toContain('a &amp;&amp; b')
    for (const tag of ['<img', '<b>', '<i>']) expect(page).not.toContain(tag)
  })
  it('loads nothing from anywhere', () => {
    expect(html()).not.toMatch(/https?:|src=|url\(|@import/)
  })
})
