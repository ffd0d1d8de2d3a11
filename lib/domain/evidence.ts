// What tells that an account is used up: typed and timed, each by its own source. A text alone never counts, and an answer
// of the 500s is no quota hit whatever it says: once a burst of them, whose bodies said "rate limit", moved accounts every
// minute.
import * as v from '../valibot.ts'
import { asReset, resetTimeIn } from './reset-time.ts'

export const HIT_SOURCES = ['hook', 'transcript', 'tmux'] as const

/** A session was turned away. */
export const Hit = v.object({
  slot: v.string(),
  source: v.picklist(HIT_SOURCES),
  /** When the session was told so, ms. */
  at: v.number(),
  /** When the account can be used again, ms; null = it was not said. */
  resetsAt: v.nullable(v.number()),
  /** null = not known, as in a pane. */
  session: v.nullable(v.string()),
  /** What it was recognised by. */
  rule: v.string(),
  /** At most 120 characters of what was said; redacted where it is kept. */
  excerpt: v.string(),
})
export type Hit = v.InferOutput<typeof Hit>

const EXCERPT_CHARACTERS = 120
const RATE_LIMITED = 429
/**
 * Claude Code's own words where the server limits everybody for a moment. It is a 429 and a `rate_limit` as well; of 59 such
 * lines that somebody counted in their transcripts, 41 said this. A text alone counts nothing, but it can rule out.
 */
const NOT_THE_QUOTA = /not your usage limit/i
/** A 529 by its name: Claude Code has called it a `rate_limit` too, and says "Repeated 529 Overloaded errors" in the end. */
const OVERLOADED = /\boverloaded(?:_error)?\b/i

/**
 * What Claude Code hands to a `StopFailure` hook, as far as it is read. Of a quota hit it tells no details, but what the
 * session shows (2.1.220, as people captured it).
 */
export const StopFailure = v.object({
  session_id: v.fallback(v.nullable(v.string()), null),
  transcript_path: v.fallback(v.nullable(v.string()), null),
  error: v.string(),
  error_details: v.fallback(v.nullable(v.string()), null),
  last_assistant_message: v.fallback(v.nullable(v.string()), null),
})
export type StopFailure = v.InferOutput<typeof StopFailure>

/**
 * null: another failure than a quota hit.
 * @param at ms: when the hook was called
 */
export function hitOfHook(
  { session_id, error, error_details, last_assistant_message }: StopFailure,
  slot: string,
  at: number,
): Hit | null {
  if (error !== 'rate_limit') return null
  const [details, shown] = [error_details ?? '', (last_assistant_message ?? '').trim()]
  // The word is Claude Code's own classification; a status beside it that says otherwise is nearer to the truth.
  const failed = shown.startsWith('API Error') ? shown : ''
  const status = statusIn(details) ?? statusIn(failed)
  if (status !== null && status !== RATE_LIMITED) return null
  if (NOT_THE_QUOTA.test(details) || NOT_THE_QUOTA.test(shown)) return null
  if (OVERLOADED.test(details) || OVERLOADED.test(failed)) return null
  return {
    slot,
    source: 'hook',
    at,
    resetsAt: resetTimeIn(details, at) ?? resetOfBanner(shown, at),
    session: session_id,
    rule: 'StopFailure rate_limit',
    excerpt: excerptOf(details || shown || error),
  }
}

/**
 * The line that Claude Code writes where the API turned a session away. Names as in transcripts that people show in public
 * repositories (versions 2.1.181 to 2.1.284, read 2026-11), the three always together; other failures have another word and
 * another status, such as `server_error` with 529 or with null. Lines of older versions name no status: they prove nothing.
 */
const TranscriptLine = v.object({
  isApiErrorMessage: v.literal(true),
  error: v.literal('rate_limit'),
  apiErrorStatus: v.literal(RATE_LIMITED),
  timestamp: v.string(),
  sessionId: v.fallback(v.nullable(v.string()), null),
  /** Since 2.1.260 or a little earlier. `resetsAt` in seconds. */
  quotaLimits: v.fallback(v.nullable(v.object({ status: v.literal('rejected'), resetsAt: v.number() })), null),
  message: v.fallback(v.nullable(v.object({ content: v.unknown() })), null),
})

/** A cheap look before a line is parsed: nearly none of them holds it. */
export const TRANSCRIPT_MARK = '"isApiErrorMessage":true'

/** null: no quota hit. By the fields beside the text; the text only tells when the account can be used again. */
export function hitOfTranscript(line: string, slot: string): Hit | null {
  if (!line.includes(TRANSCRIPT_MARK)) return null
  let data: unknown
  try {
    data = JSON.parse(line)
  } catch {
    return null // A line that is being written; it is read again when it is whole.
  }
  const parsed = v.safeParse(TranscriptLine, data)
  if (!parsed.success) return null
  const { timestamp, sessionId, quotaLimits, message } = parsed.output
  const at = Date.parse(timestamp)
  const said = textOf(message?.content)
  if (Number.isNaN(at) || NOT_THE_QUOTA.test(said)) return null
  return {
    slot,
    source: 'transcript',
    at,
    resetsAt: (quotaLimits && asReset(quotaLimits.resetsAt * 1000, at)) ?? resetTimeIn(said, at),
    session: sessionId,
    rule: 'isApiErrorMessage 429',
    excerpt: excerptOf(said),
  }
}

/** The banners that Claude Code shows, whole: what stands before or behind one is a conversation about it. */
const BANNER = new RegExp(
  '^(?:' +
    [
      'Claude(?: AI)? usage limit reached[.,]? Your limit will reset at',
      '(?:5-hour|Session|Weekly|Opus(?: weekly)?|Sonnet(?: weekly)?) limit reached [∙·•] resets(?: at)?',
      "You['’]ve (?:hit|reached) your (?:(?:session|weekly|Opus|Sonnet|usage) )?limit [∙·•] resets(?: at)?",
    ].join('|') +
    ') ((?:[A-Z][a-z]{2} \\d{1,2}(?:,| at)? )?\\d{1,2}(?::\\d\\d)? ?(?:am|pm)?(?: \\([A-Za-z_/+-]+\\))?)\\.?$',
  'i',
)
/** In front of what Claude Code itself says beneath a prompt. Its answers begin with another sign. */
const ELBOW = '⎿'
/** A banner is the last thing that a stopped session shows above its prompt; further up it is the past. */
const LAST_LINES = 25

/**
 * The hit that a pane shows at its end; null = none. Claude Code breaks its lines itself, so what follows a banner's
 * beginning, at the same depth, belongs to it.
 * @param at ms: when the pane was looked at
 */
export function hitOfPane(pane: string, slot: string, at: number): Hit | null {
  const lines = pane.split('\n').map(line => line.trimEnd())
  while (lines.at(-1) === '') lines.pop()
  const from = Math.max(0, lines.length - LAST_LINES)
  for (let n = lines.length - 1; n >= from; n -= 1) {
    const line = lines[n]!
    // An answer or a question below it: the session went on.
    if (/^\s*[●⏺]\s|^\s*>\s+\S/.test(line)) return null
    const elbow = line.indexOf(ELBOW)
    if (elbow < 0 || line.slice(0, elbow).trim() !== '') continue
    const depth = elbow + line.slice(elbow + 1).search(/\S/) + 1
    const parts = [line.slice(elbow + 1).trim()]
    for (const next of lines.slice(n + 1, n + 4)) {
      // What Claude Code advises below a banner is no part of it.
      if (next.search(/\S/) !== depth || /^[/•·]/.test(next.trim())) break
      parts.push(next.trim())
    }
    const said = parts.join(' ')
    const resetsAt = resetOfBanner(said, at)
    if (resetsAt !== null)
      return { slot, source: 'tmux', at, resetsAt, session: null, rule: 'banner', excerpt: excerptOf(said) }
    return null
  }
  return null
}

/** null: it is no whole banner, or names no time. */
function resetOfBanner(said: string, at: number): number | null {
  const when = BANNER.exec(said)?.[1]
  return when === undefined ? null : resetTimeIn(`resets ${when}`, at)
}

/** `API Error: 500 …`, `529 {…}`, `{"status":500}`, `HTTP 503`, `Request rejected (429)`. null = no status is named. */
function statusIn(text: string): number | null {
  const found =
    /^\s*(?:(?:API )?Error:?\s*)*\(?([1-5]\d\d)\b/i.exec(text) ??
    /(?:API Error:?|"status(?:_?code)?"\s*:|\bHTTP(?:\/[\d.]+)?|\bstatus(?: code)?:?)\s*([1-5]\d\d)\b/i.exec(text) ??
    /\(([1-5]\d\d)\)|\b(?:Repeated|Server error) ([1-5]\d\d)\b/i.exec(text)
  return found ? Number(found[1] ?? found[2]) : null
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.map(part => (typeof part?.text === 'string' ? part.text : '')).join(' ')
}

function excerptOf(text: string): string {
  return [...text.replace(/\s+/g, ' ').trim()].slice(0, EXCERPT_CHARACTERS).join('')
}
