// Synthetic transcripts of any size, in the line shapes that Claude Code writes: prompts, tool results, and one to three
// lines for each message of the assistant, with one message id and request id. The same seed gives the same bytes.
import { closeSync, mkdirSync, openSync, utimesSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const BLOCK_BYTES = 1 << 22
const MODELS = ['claude-opus-4-5-20251101', 'claude-sonnet-4-5-20250929', 'claude-haiku-4-5-20251001']
const WORDS =
  'const import return function value error await export type string number if else for map filter test path file line "quoted" \n => { } ( ) ; , .'.split(
    ' ',
  )

export interface TranscriptsPlan {
  projectsDir: string
  megabytes: number
  files: number
  /** They end spread over so many days, more of them lately; three end within the last minute. */
  days: number
  now: number
  seed: number
}

export function writeTranscripts({ projectsDir, megabytes, files, days, now, seed }: TranscriptsPlan): void {
  const { random, between, hex } = randomness(seed)
  let pool = ''
  while (pool.length < 1 << 18) pool += `${WORDS[between(0, WORDS.length - 1)]} `
  const text = (mean: number) => {
    const length = Math.min(60_000, Math.max(20, Math.round(-mean * Math.log(1 - random() * 0.9999))))
    const from = between(0, pool.length - 1 - length)
    return pool.slice(from, from + length)
  }
  const weights = Array.from({ length: files }, () => Math.exp(2 * (random() + random() + random() - 1.5)))
  const sum = weights.reduce((total, weight) => total + weight, 0)
  for (let index = 0; index < files; index += 1) {
    const cwd = `/home/dev/project-${index % 12}`
    const folder = join(projectsDir, cwd.replaceAll('/', '-'))
    mkdirSync(folder, { recursive: true })
    const goesOn = index >= files - 3
    const end = goesOn ? now - between(1, 50) * 1000 : now - Math.floor(random() ** 1.2 * days * DAY) - 6 * HOUR
    const lasts = between(10, 240) * MINUTE
    const size = Math.max(2000, Math.round((megabytes * 1024 * 1024 * weights[index]!) / sum))
    const sessionId = `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`
    const path = join(folder, `${sessionId}.jsonl`)
    const descriptor = openSync(path, 'w')
    let pending = ''
    let written = 0
    const emit = (line: Record<string, unknown>) => {
      const json = `${JSON.stringify(line)}\n`
      pending += json
      written += json.length
      if (pending.length < BLOCK_BYTES) return
      writeSync(descriptor, pending)
      pending = ''
    }
    const base = { isSidechain: false, userType: 'external', cwd, sessionId, version: '2.1.197', gitBranch: 'main' }
    const usual = MODELS[between(0, 2)]!
    let context = 15_000
    while (written < size) {
      const at = Math.min(end, end - lasts + Math.floor((lasts * written) / size))
      const content = text(1700)
      emit({
        ...base,
        type: 'user',
        message: { role: 'user', content: [{ tool_use_id: `toolu_01${hex(22)}`, type: 'tool_result', content }] },
        uuid: hex(32),
        timestamp: new Date(at).toISOString(),
        toolUseResult: { type: 'text', file: { filePath: `${cwd}/src/${hex(6)}.ts`, content: content.slice(0, 400) } },
      })
      const id = `msg_01${hex(22)}`
      const requestId = `req_011${hex(21)}`
      const lines = random() < 0.55 ? 1 : random() < 0.8 ? 2 : 3
      const created = between(200, 4000)
      context = context > 160_000 ? 20_000 : context + created
      const model = random() < 0.9 ? usual : MODELS[between(0, 2)]!
      for (let line = 1; line <= lines; line += 1) {
        emit({
          ...base,
          message: {
            model,
            id,
            type: 'message',
            role: 'assistant',
            content:
              line === lines
                ? [{ type: 'tool_use', id: `toolu_01${hex(22)}`, name: 'Bash', input: { command: text(120) } }]
                : [{ type: 'text', text: text(400) }],
            stop_reason: line === lines ? 'tool_use' : null,
            usage: {
              input_tokens: between(1, 30),
              cache_creation_input_tokens: created,
              cache_read_input_tokens: context,
              cache_creation: { ephemeral_5m_input_tokens: created, ephemeral_1h_input_tokens: 0 },
              output_tokens: line === lines ? between(20, 1800) : between(1, 8),
              service_tier: 'standard',
            },
          },
          requestId,
          type: 'assistant',
          uuid: hex(32),
          timestamp: new Date(Math.min(end, at + 1500 * line)).toISOString(),
        })
      }
    }
    writeSync(descriptor, pending)
    closeSync(descriptor)
    utimesSync(path, end / 1000, end / 1000)
  }
}

function randomness(seed: number) {
  let state = seed >>> 0 || 1
  const random = () => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state / 2 ** 32
  }
  const hex = (length: number) => {
    let digits = ''
    while (digits.length < length)
      digits += Math.floor(random() * 2 ** 32)
        .toString(16)
        .padStart(8, '0')
    return digits.slice(0, length)
  }
  return { random, hex, between: (from: number, to: number) => from + Math.floor(random() * (to - from + 1)) }
}
