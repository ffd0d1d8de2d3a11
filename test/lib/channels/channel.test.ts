import { describe, expect, it } from 'vitest'
import { type Channel, cleanText, guarded } from '../../../lib/channels/channel.ts'
import type { Message } from '../../../lib/domain/alert.ts'
import { hideSecret } from '../../../lib/edges/redact.ts'
import { message, NOW, notice } from '../../support/messages.ts'

const channel = (send: Channel['send']): Channel => ({
  name: 'c',
  minSeverity: 'info',
  confirms: true,
  batches: true,
  send,
})
const context = (signal = new AbortController().signal) => ({ signal, now: NOW })

describe('a channel', () => {
  it('that throws has answered', async () => {
    const thrown = guarded(channel(async () => Promise.reject(new Error('oops sk-ant-oat01-abcdefgh'))))
    expect(await thrown.send(message(), context())).toEqual({
      outcome: 'refused',
      detail: 'it failed in a way that nobody thought of: oops [redacted]',
    })
    const atOnce = guarded(
      channel(() => {
        throw new Error('at once')
      }),
    )
    expect((await atOnce.send(message(), context())).outcome).toBe('refused')
  })
  it('that falls silent is given up after its time, and told so', async () => {
    let told: AbortSignal | null = null
    const silent = guarded(
      channel((_message, { signal }) => {
        told = signal
        return new Promise(() => undefined)
      }),
      20,
    )
    expect(await silent.send(message(), context())).toEqual({
      outcome: 'retry',
      detail: 'no answer within 0.02 s',
      retryAfterMs: null,
    })
    expect(told!.aborted).toBe(true)
  })
  it('of a run that was told to stop sends nothing', async () => {
    let calls = 0
    const counted = guarded(
      channel(async () => {
        calls++
        return { outcome: 'accepted', detail: '' }
      }),
    )
    expect((await counted.send(message(), context(AbortSignal.abort()))).outcome).toBe('retry')
    expect(calls).toBe(0)
  })
  it('is handed clean texts, and what it says is redacted', async () => {
    hideSecret('hunter2-hunter2')
    let got: Message | null = null
    const echo = guarded(
      channel(async handed => {
        got = handed
        return { outcome: 'accepted', detail: 'took hunter2-hunter2' }
      }),
    )
    const text = { summary: 'a\nb', details: ['hunter2-hunter2'], remedy: 'c\u0007', affects: '\u202ed' }
    const result = await echo.send(message([notice({ text, labels: { slot: 's\r\n1' }, key: 'K{s\r\n1}' })]), context())
    expect(result.detail).toBe('took [redacted]')
    expect(got!.notices[0]).toMatchObject({
      text: { summary: 'a b', details: ['[redacted]'], remedy: 'c', affects: 'd' },
      labels: { slot: 's 1' },
      key: 'K{s 1}',
    })
  })
})

it.each([
  ['plain – ünï 🔑', 'plain – ünï 🔑'],
  ['a\u0000b\u001b[31mc', 'a b [31mc'],
  ['half \ud83d', 'half \ufffd'],
])('%j is shown as %j', (text, clean) => {
  expect(cleanText(text)).toBe(clean)
})
