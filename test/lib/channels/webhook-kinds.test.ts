import { describe, expect, it } from 'vitest'
import { ridOf } from '../../../lib/channels/ping.ts'
import { render } from '../../../lib/channels/render.ts'
import { pingUrl, WEBHOOK_KINDS } from '../../../lib/channels/webhook-kinds.ts'
import type { Message } from '../../../lib/domain/alert.ts'
import { message, NOW, notice, ZONE } from '../../support/messages.ts'

const REMEDY = 'CLAUDE_CONFIG_DIR=~/.claude-work claude /login'
const made = (
  kind: keyof typeof WEBHOOK_KINDS,
  sent: Message = message(),
  url = 'https://h.example/x',
  token: string | null = null,
) => WEBHOOK_KINDS[kind].requests(sent, render(sent, ZONE), { url, token, hostname: 'box' })
const body = (...args: Parameters<typeof made>) => JSON.parse(made(...args)[0].body)
const over = notice({ kind: 'resolved', resolvedAt: NOW })
const long = message([notice({ text: { ...notice().text, summary: '<&*_`🔑'.repeat(2000) } })])

describe('json', () => {
  it('has every fact by its name, and the text of all of it', () => {
    expect(body('json')).toEqual({
      schema: 1,
      id: 'AccountInactive{slot-2}#1234#f1@phone',
      severity: 'warning',
      title: '🟠 The login of slot-2 is over',
      text: render(message(), ZONE).text,
      sent_at: '2026-11-24T15:10:00.000Z',
      alerts: [
        {
          id: 'AccountInactive{slot-2}#1234#f1@phone',
          kind: 'firing',
          over: false,
          key: 'AccountInactive{slot-2}',
          name: 'AccountInactive',
          labels: { slot: 'slot-2' },
          episode: 1234,
          n: 1,
          severity: 'warning',
          summary: 'The login of slot-2 is over',
          details: ['Anthropic answered invalid_grant'],
          remedy: REMEDY,
          affects: 'its quota is no longer measured',
          since: '2026-11-24T13:00:00.000Z',
          resolved_at: null,
          late_ms: 0,
        },
      ],
    })
  })
  it('carries its id, whatever characters a name has, and its token', () => {
    const [{ headers }] = made('json', message([notice({ id: 'K{büro}#1#f1@äh 1' })]), undefined, 'tok')
    expect(headers['Idempotency-Key']).toBe('K{b%C3%BCro}#1#f1@%C3%A4h%201')
    expect(headers['Authorization']).toBe('Bearer tok')
    expect(made('json')[0].headers).not.toHaveProperty('Authorization')
  })
})

describe('slack', () => {
  it('has a title, a block an alert, and the command as code', () => {
    const { text, blocks } = body('slack', message([notice(), over]))
    expect(text).toMatch(/^🟠 2 alerts: The login/)
    expect(blocks).toHaveLength(3)
    expect(blocks[1].text.text).toContain(`\nRun: \`${REMEDY}\`\n`)
  })
  it('escapes what Slack would obey', () => {
    const told = message([
      notice({ text: { summary: '<!channel> & <@U1>', details: [], remedy: 'a <b', affects: null } }),
    ])
    const { text, blocks } = body('slack', told)
    expect(text).toBe('🟠 &lt;!channel&gt; &amp; &lt;@U1&gt;')
    expect(blocks[1].text.text).toContain('Run: `a &lt;b`')
  })
  it('keeps to 3,000 characters a block and 50 blocks', () => {
    const { blocks } = body('slack', long)
    expect(blocks[1].text.text.length).toBeLessThanOrEqual(3000)
    expect(blocks[1].text.text).toContain(`Run: \`${REMEDY}\``)
    const many = Array.from({ length: 60 }, () => notice()) as [ReturnType<typeof notice>]
    const all = body('slack', message(many)).blocks
    expect(all).toHaveLength(50)
    expect(all[49].text.text).toBe('… and 12 more: `vigil alerts`')
  })
  it.each([
    ['ok', null],
    ['ok\n', null],
    ['{"ok":true}', null],
    ['no_service', 'refused'],
    ['{"ok":false,"error":"invalid_auth"}', 'refused'],
    ['{"ok":false,"error":"ratelimited"}', 'retry'],
    ['', 'refused'],
  ])('takes a 200 with %j for %s', (text, outcome) => {
    expect(WEBHOOK_KINDS.slack.judgeBody!(text)?.outcome ?? null).toBe(outcome)
  })
})

describe('discord', () => {
  it('mentions nobody and shows what stands there, with the command as it is', () => {
    const { content, allowed_mentions } = body(
      'discord',
      message([notice({ text: { summary: '@everyone **hi** a_b', details: [], remedy: 'x_y && *z', affects: null } })]),
    )
    expect(content).toContain('\\@everyone \\*\\*hi\\*\\* a\\_b')
    expect(content).toContain('Run: `x_y && *z`')
    expect(allowed_mentions).toEqual({ parse: [] })
  })
  it('keeps to 2,000 characters, the command whole', () => {
    const { content } = body('discord', long)
    expect(content.length).toBeLessThanOrEqual(2000)
    expect(content).toContain(`Run: \`${REMEDY}\``)
    expect(content.isWellFormed()).toBe(true)
  })
})

describe('ntfy', () => {
  it('goes to the server with its topic inside, louder when it is worse', () => {
    const [request] = made(
      'ntfy',
      message([notice({ severity: 'critical' })]),
      'https://h.example/push/my%20topic?x=1',
      'tok',
    )
    expect(request.url).toBe('https://h.example/push/?x=1')
    expect(request.headers['Authorization']).toBe('Bearer tok')
    expect(JSON.parse(request.body)).toMatchObject({
      topic: 'my topic',
      title: '🔴 The login of slot-2 is over',
      priority: 5,
    })
    expect([body('ntfy').priority, body('ntfy', message([over])).priority]).toEqual([4, 3])
  })
  it('keeps to 4,096 bytes', () => {
    expect(Buffer.byteLength(body('ntfy', long).message)).toBeLessThanOrEqual(4096)
    expect(body('ntfy', long).message).toContain(REMEDY)
  })
  it('says what a URL without a topic lacks', () => {
    expect(() => made('ntfy', message(), 'https://ntfy.sh/')).toThrow('has to end with the topic')
  })
})

describe('telegram', () => {
  const URL_ = 'https://api.telegram.example/bot1:aa/sendMessage?chat_id=-100&message_thread_id=7'
  it('takes what its URL sets into the message, and marks the command', () => {
    const [request] = made('telegram', message(), URL_)
    expect(request.url).toBe('https://api.telegram.example/bot1:aa/sendMessage')
    const sent = JSON.parse(request.body)
    expect(sent).toMatchObject({ chat_id: '-100', message_thread_id: '7', link_preview_options: { is_disabled: true } })
    const [bold, code] = sent.entities
    expect(sent.text.slice(bold.offset, bold.offset + bold.length)).toBe('🟠 The login of slot-2 is over')
    expect(sent.text.slice(code.offset, code.offset + code.length)).toBe(REMEDY)
    expect(sent).not.toHaveProperty('parse_mode')
  })
  it('keeps to 4,096 characters and finds its method', () => {
    const [request] = made('telegram', long, 'https://api.telegram.example/bot1:aa?chat_id=1')
    expect(request.url).toBe('https://api.telegram.example/bot1:aa/sendMessage')
    expect(JSON.parse(request.body).text.length).toBeLessThanOrEqual(4096)
  })
  it('says what a URL without a chat lacks', () => {
    expect(() => made('telegram', message(), 'https://api.telegram.example/bot1:aa')).toThrow('chat_id=12345')
  })
  it.each([
    ['{"ok":true,"result":{}}', null],
    [
      '{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}',
      { outcome: 'refused', detail: 'Telegram refused it: Bad Request: chat not found' },
    ],
    [
      '{"ok":false,"error_code":429,"parameters":{"retry_after":33}}',
      { outcome: 'retry', detail: 'Telegram refused it: 429', retryAfterMs: 33_000 },
    ],
    ['{"ok":false,"error_code":502}', { outcome: 'retry', detail: 'Telegram refused it: 502', retryAfterMs: null }],
  ])('takes a 200 with %s as it is meant', (text, result) => {
    expect(WEBHOOK_KINDS.telegram.judgeBody!(text)).toEqual(result)
  })
})

describe('pagerduty', () => {
  const event = (changes: Parameters<typeof notice>[0] = {}) =>
    made('pagerduty', message([notice(changes)]), undefined, 'routing').map(request => JSON.parse(request.body))
  it('triggers with a key that the whole episode shares', () => {
    const [first] = event()
    expect(first).toMatchObject({
      routing_key: 'routing',
      event_action: 'trigger',
      dedup_key: 'vigil/box/AccountInactive{slot-2}#1234',
      payload: {
        summary: 'Account inactive (slot-2): The login of slot-2 is over',
        source: 'box',
        severity: 'warning',
        timestamp: '2026-11-24T13:00:00.000Z',
      },
    })
    expect(event({ n: 5, kind: 'escalated' })[0].dedup_key).toBe(first.dedup_key)
    expect(event({ episode: 1235 })[0].dedup_key).not.toBe(first.dedup_key)
  })
  it.each([
    [{ kind: 'resolved', resolvedAt: NOW }, ['resolve']],
    [{ kind: 'combined', resolvedAt: NOW }, ['trigger', 'resolve']],
    [{ kind: 'flapping' }, ['trigger']],
    [{ kind: 'calm', resolvedAt: NOW }, ['resolve']],
    [{ kind: 'calm' }, ['trigger']],
  ] as const)('says of %j: %j', (changes, actions) => {
    expect(event(changes).map(one => one.event_action)).toEqual(actions)
  })
  it('keeps to 1,024 characters of summary and 255 of key', () => {
    const [one] = event({ key: `K{${'x'.repeat(300)}}`, text: { ...notice().text, summary: 'y'.repeat(2000) } })
    expect(one.payload.summary).toHaveLength(1024)
    expect(one.dedup_key.length).toBeLessThanOrEqual(255)
  })
  it('takes one alert a message', () => {
    expect(
      Object.entries(WEBHOOK_KINDS)
        .filter(([, { batches }]) => !batches)
        .map(([kind]) => kind),
    ).toEqual(['pagerduty'])
  })
})

describe('ping', () => {
  it('fails while anything fires, and succeeds once all is over', () => {
    expect(made('ping')[0].url).toBe('https://h.example/x/fail')
    expect(made('ping', message([over]))[0].url).toBe('https://h.example/x')
    expect(made('ping', message([over, notice()]))[0].url).toBe('https://h.example/x/fail')
  })
  it('puts its path before a query, and its run behind it', () => {
    expect(pingUrl('https://h.example/x/?a=1', '/start', 'r')).toBe('https://h.example/x/start?a=1&rid=r')
  })
  it('has a UUID for each run, the same at start and end', () => {
    expect(ridOf('2026-11-24T15:10:00.000Z-77')).toBe(ridOf('2026-11-24T15:10:00.000Z-77'))
    expect(ridOf('a')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(ridOf('a')).not.toBe(ridOf('b'))
  })
})
