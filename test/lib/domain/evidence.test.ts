import { describe, expect, it } from 'vitest'
import { hitOfHook, hitOfPane, hitOfTranscript } from '../../../lib/domain/evidence.ts'
import { resetTimeIn } from '../../../lib/domain/reset-time.ts'

const NOW = Date.parse('2026-11-24T12:00:00Z')
const at3pmBerlin = Date.parse('2026-11-24T14:00:00Z')

const NOT_OURS = 'API Error: Server is temporarily limiting requests (not your usage limit) · Rate limited'

describe('a reset time', () => {
  it.each([
    ['resets 3pm (Europe/Berlin)', '2026-11-24T14:00:00Z'],
    ['resets 3:30pm (Europe/Berlin)', '2026-11-24T14:30:00Z'],
    ['resets 11am (UTC)', '2026-11-25T11:00:00Z'],
    ['resets 12am (UTC)', '2026-11-25T00:00:00Z'],
    ['resets 15:00 (UTC)', '2026-11-24T15:00:00Z'],
    ['resets at Nov 27, 3pm (UTC)', '2026-11-27T15:00:00Z'],
    ['Claude AI usage limit reached|1795532400', '2026-11-24T15:00:00Z'],
  ])('is read from "%s"', (text, iso) => {
    expect(new Date(resetTimeIn(text, NOW)!).toISOString()).toBe(iso.replace('Z', '.000Z'))
  })
  it.each([
    'resets soon',
    'resets 13pm (UTC)',
    'resets 3',
    'resets 3pm (Not/AZone)',
    'resets Foo 3, 3pm (UTC)',
    'resets Jan 27, 3pm (UTC)',
    'Claude AI usage limit reached|1600000000',
    'at 3pm',
  ])('is not read from "%s"', text => {
    expect(resetTimeIn(text, NOW)).toBeNull()
  })
})

describe('a StopFailure hook', () => {
  const hook = (error: string, error_details: string | null = null, last_assistant_message: string | null = null) =>
    hitOfHook({ session_id: 's1', transcript_path: null, error, error_details, last_assistant_message }, 'work', NOW)
  it('that says rate_limit is a hit, with its reset time where one is told', () => {
    expect(hook('rate_limit')).toMatchObject({ slot: 'work', source: 'hook', at: NOW, resetsAt: null, session: 's1' })
    expect(hook('rate_limit', "You've hit your limit · resets 3pm (Europe/Berlin)")?.resetsAt).toBe(at3pmBerlin)
  })
  it('has its reset time from what the session shows, where that is a banner and nothing else', () => {
    const shown = (text: string) => hook('rate_limit', null, text)
    const banner = "You've hit your session limit · resets 3pm (Europe/Berlin)"
    expect(shown(banner)).toMatchObject({ resetsAt: at3pmBerlin, excerpt: banner })
    const weekly = "You've hit your weekly limit · resets Nov 27 at 8am (UTC)"
    expect(shown(weekly)?.resetsAt).toBe(Date.parse('2026-11-27T08:00:00Z'))
    expect(shown(`It says "${banner}", so wait.`)?.resetsAt).toBeNull()
    expect(shown('API Error: Rate limit reached')?.resetsAt).toBeNull()
    expect(shown('API Error: 500 rate limit, resets 3pm (UTC)')).toBeNull()
    expect(shown('A proxy said "API Error: 500" before')).not.toBeNull()
  })
  it('of a moment in which the server limits everybody is none', () => {
    expect([hook('rate_limit', NOT_OURS), hook('rate_limit', null, NOT_OURS)]).toEqual([null, null])
  })
  it.each(['overloaded', 'server_error', 'authentication_failed', 'billing_error', 'rate limit'])(
    'that says %s is none',
    error => {
      expect(hook(error, 'rate limit reached, resets 3pm (UTC)')).toBeNull()
    },
  )
  it.each([
    'API Error: 500 {"message":"rate limit"}',
    '{"status":503,"m":"rate_limit"}',
    'HTTP 529 rate limit',
    '529 {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
    '503 Service Unavailable, resets 3pm (UTC)',
    'Error: 500 rate limit',
    'API Error (502): rate limit',
    'API Error: Repeated 529 Overloaded errors',
    'API Error: Server error 500',
    'API Error: Overloaded',
  ])('with a status of the 500s is none, whatever it says: %s', details => {
    expect([hook('rate_limit', details), hook('rate_limit', null, `API Error: ${details}`)]).toEqual([null, null])
  })
  it.each([
    '429 {"type":"error","error":{"type":"rate_limit_error","message":"500 requests an hour"}}',
    'API Error: Request rejected (429)',
    'API Error: Rate limit reached (request 5031, 512 tokens)',
  ])('with a 429, or with no status, is one, whatever numbers it holds: %s', details => {
    expect([hook('rate_limit', details), hook('rate_limit', null, details)]).toEqual([
      expect.objectContaining({ slot: 'work' }),
      expect.objectContaining({ slot: 'work' }),
    ])
  })
  it('keeps 120 characters of what was said', () => {
    expect(hook('rate_limit', `429 ${'x'.repeat(500)}`)?.excerpt).toHaveLength(120)
  })
})

describe('a line of a transcript', () => {
  const line = (more: object) =>
    hitOfTranscript(
      JSON.stringify({
        type: 'assistant',
        timestamp: '2026-11-24T12:00:00Z',
        sessionId: 's1',
        isApiErrorMessage: true,
        error: 'rate_limit',
        apiErrorStatus: 429,
        message: { content: [{ type: 'text', text: "You've hit your limit · resets 3pm (Europe/Berlin)" }] },
        ...more,
      }),
      'work',
    )
  it('is a hit by its flag and its status, with the reset time of its text', () => {
    expect(line({})).toMatchObject({ source: 'transcript', at: NOW, resetsAt: at3pmBerlin, session: 's1' })
  })
  it.each([
    ['status 500', { apiErrorStatus: 500 }],
    ['status 529', { apiErrorStatus: 529 }],
    ['no status', { apiErrorStatus: null }],
    ['no status, as older versions wrote it', { apiErrorStatus: undefined }],
    ['a status by another name', { apiErrorStatus: undefined, status: 429 }],
    ['a status in words', { apiErrorStatus: '429' }],
    ['another error', { error: 'server_error' }],
    ['no error', { error: undefined }],
    ['a moment in which the server limits everybody', { message: { content: [{ type: 'text', text: NOT_OURS }] } }],
    ['no flag', { isApiErrorMessage: undefined }],
    ['a false flag', { isApiErrorMessage: false }],
    ['no time', { timestamp: 'yesterday' }],
  ])('with %s is none, whatever its text says', (_what, more) => {
    expect(line(more)).toBeNull()
  })
  it('has its reset time from quotaLimits, where there is one, whatever its text says', () => {
    const limits = (more: object) => line({ quotaLimits: { status: 'rejected', rateLimitType: 'five_hour', ...more } })
    const resetsAt = NOW + 90 * 60_000
    expect(limits({ resetsAt: resetsAt / 1000 })?.resetsAt).toBe(resetsAt)
    expect(limits({ resetsAt: resetsAt / 1000, status: 'allowed' })?.resetsAt).toBe(at3pmBerlin)
    for (const odd of [NOW / 1000, resetsAt, null, 'soon', undefined])
      expect(limits({ resetsAt: odd })?.resetsAt).toBe(at3pmBerlin)
  })
  it('that is cut off is none', () => {
    expect(hitOfTranscript('{"isApiErrorMessage":true,"stat', 'work')).toBeNull()
  })
})

describe('a pane', () => {
  const pane = (...lines: string[]) => hitOfPane(lines.join('\n'), 'work', NOW)
  it.each([
    [['> go on', '  ⎿  5-hour limit reached ∙ resets 3pm (Europe/Berlin)', '     /upgrade to increase it', '', '>']],
    [["  ⎿  You've hit your limit · resets 3pm (Europe/Berlin)", '', '╭──────╮', '│ >    │', '╰──────╯']],
    [['  ⎿  Claude usage limit reached. Your limit will', '     reset at 3pm (Europe/Berlin).', '']],
    [['> 続けてください', '  ⎿  Weekly limit reached ∙ resets', '     3pm', '     (Europe/Berlin)', '> ']],
  ])('that ends with a banner is a hit, also where its lines are broken', lines => {
    expect(pane(...lines)).toMatchObject({ source: 'tmux', resetsAt: at3pmBerlin, rule: 'banner' })
  })
  it.each([
    ['an answer about it', ['● When it says "5-hour limit reached ∙ resets 3pm (Europe/Berlin)", wait.']],
    ['a question about it', ['> what is 5-hour limit reached ∙ resets 3pm (Europe/Berlin)']],
    ['a quoted line', ['● It says:', '', '    5-hour limit reached ∙ resets 3pm (Europe/Berlin)']],
    ['a tool that found it', ['  ⎿  app.log:3: 5-hour limit reached ∙ resets 3pm (Europe/Berlin)']],
    ['more behind it', ['  ⎿  5-hour limit reached ∙ resets 3pm (Europe/Berlin) was in the log']],
    ['no time', ['  ⎿  5-hour limit reached ∙ resets soon']],
    ['a time that cannot be read', ['  ⎿  5-Stunden-Limit erreicht ∙ setzt um 15 Uhr zurück']],
    ['a 500', ['  ⎿  API Error: 500 {"error":{"message":"rate limit, resets 3pm (UTC)"}}']],
    ['work that went on', ['  ⎿  5-hour limit reached ∙ resets 3pm (Europe/Berlin)', '> go on', '● Done.', '', '> ']],
  ])('with %s is none', (_what, lines) => {
    expect(pane(...lines)).toBeNull()
  })
})
