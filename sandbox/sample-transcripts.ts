// Some hours of made-up work in the line shapes that Claude Code writes, so that the demo has something to count.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const MINUTE_MS = 60_000

/** `configDir`/projects/-demo/<session>.jsonl: one answer every few minutes for the last two hours. `now` in ms. */
export function writeSampleTranscript(configDir: string, now: number): void {
  const folder = join(configDir, 'projects', '-demo')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const sessionId = '00000000-0000-4000-a000-000000000001'
  const lines = Array.from({ length: 24 }, (_, index) => {
    const at = new Date(now - (120 - index * 5) * MINUTE_MS).toISOString()
    return JSON.stringify({
      type: 'assistant',
      timestamp: at,
      sessionId,
      version: '2.1.197',
      cwd: '/demo',
      requestId: `req_demo_${index}`,
      uuid: `00000000-0000-4000-a000-0000000001${String(index).padStart(2, '0')}`,
      message: {
        id: `msg_demo_${index}`,
        type: 'message',
        role: 'assistant',
        model: 'claude-opus-4-5-20251101',
        content: [{ type: 'text', text: 'made up' }],
        usage: {
          input_tokens: 20,
          cache_creation_input_tokens: 3000,
          cache_read_input_tokens: 60_000 + index * 1000,
          output_tokens: 900,
        },
      },
    })
  })
  writeFileSync(join(folder, `${sessionId}.jsonl`), `${lines.join('\n')}\n`, { mode: 0o600 })
}
