// Redaction sits at the sinks: whatever leaves this process as text (log, record, message, error output) goes through
// here, so that no call site has to remember it.

const MARK = '[redacted]'
/** Shorter strings are no secrets worth hiding, and hiding them would blank ordinary words. */
const SHORTEST_SECRET = 8

const PATTERNS: RegExp[] = [
  /sk-ant-[A-Za-z0-9_-]{4,}/g,
  /(Bearer\s+)[A-Za-z0-9._~+/=-]{6,}/gi,
  /("?(?:access|refresh)_?token"?\s*[:=]\s*"?)[^"\s,}]{6,}/gi,
]

/** What every pattern needs at least. */
const HINT = /sk-ant-|bearer|token/i

const secrets = new Set<string>()
const spellings = new Map<string, string[]>()

/** Makes a secret known for the rest of this process, in each spelling that it could leave us in. */
export function hideSecret(secret: string | null | undefined): void {
  if (!secret || secret.length < SHORTEST_SECRET || secrets.has(secret)) return
  secrets.add(secret)
  const base64 = Buffer.from(secret).toString('base64').replace(/=+$/, '')
  const all = [secret, base64, base64.replaceAll('+', '-').replaceAll('/', '_'), encodeURIComponent(secret)]
  all.push(JSON.stringify(secret).slice(1, -1), Buffer.from(secret).toString('hex'))
  spellings.set(secret, [...new Set(all)])
}

/** The text with every known secret, and all that looks like a token, blotted out. */
export function redact(text: string): string {
  let clean = text
  for (const variants of spellings.values()) {
    for (const spelling of variants) if (clean.includes(spelling)) clean = clean.replaceAll(spelling, MARK)
  }
  // One look instead of three: most texts hold nothing like it.
  if (!HINT.test(clean)) return clean
  for (const pattern of PATTERNS)
    clean = clean.replace(pattern, (_all, prefix) => (typeof prefix === 'string' ? prefix : '') + MARK)
  return clean
}

/** A text under one of these keys is a token, whatever it looks like. */
const TOKEN_KEY = /^(?:access|refresh)_?token$/i

/**
 * JSON whose text values are redacted. Not the JSON itself: a secret that is spelled like a key of ours would take the key
 * away and make the record unreadable.
 * @param ours keys whose value the program itself chose from a list, where a text that is blotted out is no value any more
 */
export function redactedJson(value: unknown, ours: readonly string[] = [], indent = 0): string {
  const clean = (key: string, inner: unknown): unknown => {
    if (typeof inner !== 'string' || ours.includes(key)) return inner
    return TOKEN_KEY.test(key) ? MARK : redact(inner)
  }
  return JSON.stringify(value, clean, indent)
}

/**
 * A word that the other side chose (an error's type, a window's or a model's name), fit to be kept and shown: whatever in
 * it could be a token, in any spelling, is blotted out, and only then is it cut: of a secret that was cut first, nobody
 * recognises the rest. Real ones are made of words and numbers: `rate_limit_error`, `claude-opus-4-8-20260101`.
 */
export function foreignWord(text: string): string {
  const plain = /^([a-z]+|\d+)([._-]([a-z]+|\d+))*$/
  return text.replace(/[\w+/=%\\.-]{24,}/g, run => (plain.test(run) ? run : MARK)).slice(0, 60)
}

/**
 * Redacts a stream whose secrets may be cut in two by its chunks: the end of what came is held back until it is
 * certain that no secret begins in it. `end()` gives the rest.
 */
export function redactStream(): { push(chunk: string): string; end(): string } {
  let held = ''
  return {
    push(chunk) {
      held += chunk
      // Tokens hold no white space: what stands before the last one is whole. A line without any is held up to 64 KiB.
      const cut = Math.max(held.lastIndexOf('\n'), held.length > 65_536 ? held.lastIndexOf(' ') : -1)
      if (cut < 0) return ''
      const ready = held.slice(0, cut + 1)
      held = held.slice(cut + 1)
      return redact(ready)
    },
    end() {
      const rest = redact(held)
      held = ''
      return rest
    },
  }
}
