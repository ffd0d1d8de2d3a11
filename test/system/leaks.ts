// Finds tokens, or pieces of them, in any text: as they are, in base64, URL-encoded, JSON-escaped and in hex.

/** Long enough never to occur by chance, short enough to find a token of which a message shows only a piece. */
const PLAIN_WINDOW = 10
const BASE64_WINDOW = 16
const HEX_WINDOW = 20
/** What every token begins with says nothing; what comes after it is the secret. */
const PREFIX = /^sk-ant-o[ar]t01-(SAMPLE-\w+?x{9,})?/
/** A token that nobody told this test about, by its beginning. */
const ANY_TOKEN = /sk-ant-o[ar]t01-[\w-]{4,}/

export interface LeakFinder {
  /** Adds a token to look for. */
  know(token: string): void
  /** What of a token stands in there, each with its form; empty when nothing does. */
  find(text: string): string[]
}

export function leakFinder(): LeakFinder {
  const plain = new Set<string>()
  const base64 = new Set<string>()
  const hex = new Set<string>()
  return {
    know(token) {
      const secret = token.replace(PREFIX, '')
      addWindows(plain, secret, PLAIN_WINDOW)
      addWindows(hex, Buffer.from(secret).toString('hex'), HEX_WINDOW)
      // A token inside a longer text falls on one of three alignments; what the neighbours colour is cut off.
      for (const before of ['', 'x', 'xx']) {
        addWindows(
          base64,
          Buffer.from(before + token)
            .toString('base64')
            .slice(20, -4),
          BASE64_WINDOW,
        )
      }
    },
    find(text) {
      const found: string[] = []
      for (const [form, readable] of readings(text)) {
        const any = ANY_TOKEN.exec(readable)
        if (any !== null) found.push(`${form}: ${around(readable, any.index)}`)
        search(found, `${form}, a piece`, readable, plain, PLAIN_WINDOW)
        search(found, `${form}, base64`, readable.replaceAll('-', '+').replaceAll('_', '/'), base64, BASE64_WINDOW)
        search(found, `${form}, hex`, readable.toLowerCase(), hex, HEX_WINDOW)
      }
      return found
    },
  }
}

/** The text, and what it says to somebody who takes URL and string escapes out of it. */
function readings(text: string): [string, string][] {
  const escapes = /%([0-9a-f]{2})|\\u([0-9a-f]{4})|\\x([0-9a-f]{2})|\\u\{([0-9a-f]+)\}/gi
  const unescaped = text.replaceAll('\\\\', '\\').replaceAll(escapes, (_, ...codes: (string | undefined)[]) => {
    return String.fromCharCode(Number.parseInt(codes.find(code => code !== undefined)!, 16))
  })
  return unescaped === text
    ? [['plain', text]]
    : [
        ['plain', text],
        ['unescaped', unescaped],
      ]
}

function addWindows(to: Set<string>, text: string, length: number): void {
  for (let start = 0; start + length <= text.length; start++) to.add(text.slice(start, start + length))
}

function search(found: string[], form: string, text: string, windows: Set<string>, length: number): void {
  for (let start = 0; start + length <= text.length; start++) {
    if (!windows.has(text.slice(start, start + length))) continue
    found.push(`${form}: ${around(text, start)}`)
    return
  }
}

function around(text: string, index: number): string {
  return JSON.stringify(text.slice(Math.max(0, index - 60), index + 60))
}
