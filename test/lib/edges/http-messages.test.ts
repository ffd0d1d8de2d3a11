import { describe, expect, it } from 'vitest'
import { messageRefusal, request, send } from '../../../lib/edges/http.ts'

describe('a message by HTTP', () => {
  it.each([
    ['https://anywhere.example/x', true, null],
    ['https://user:pass@anywhere.example/x', true, null],
    ['http://anywhere.example/x', false, null],
    ['http://anywhere.example/x', true, 'anywhere.example would get a secret unencrypted; use https'],
    ['http://user:pass@anywhere.example/x', false, 'anywhere.example would get a secret unencrypted; use https'],
    ['http://127.0.0.1:1/x', true, null],
    ['http://[::1]:1/x', true, null],
    ['http://127.0.0.1.example/x', true, '127.0.0.1.example would get a secret unencrypted; use https'],
    ['file:///etc/passwd', false, 'its URL has to begin with https://'],
  ])('to %s with a secret: %s', (url, secret, refusal) => {
    expect(messageRefusal(new URL(url), secret)).toBe(refusal)
  })
  it('never throws, whatever the URL', async () => {
    const options = { method: 'POST', headers: {}, deadlineMs: 1000, maxBytes: 10 } as const
    expect(await send({ ...options, url: 'nowhere' }, () => null)).toMatchObject({ kind: 'failure', code: 'EBADURL' })
    expect(await send({ ...options, url: 'https://h.invalid' }, () => 'no')).toMatchObject({
      code: 'EHOSTREFUSED',
      message: 'no',
      sent: false,
    })
  })
  it('changes nothing for tokens, which go to their own hosts alone', async () => {
    const asked = await request({
      method: 'GET',
      url: 'https://hooks.example/x',
      headers: {},
      deadlineMs: 1000,
      maxBytes: 10,
    })
    expect(asked).toMatchObject({ code: 'EHOSTREFUSED', sent: false })
  })
})
