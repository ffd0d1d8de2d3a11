// Makes the pictures of the documentation from what the terminal really prints: `node docs/make-pictures.ts`.
// Needs Debian's chromium (or CHROMIUM=path) and DejaVu Sans Mono; everything runs in a scratch home.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { displayWidth } from '../lib/screen/ansi.ts'
import { previewText } from '../lib/statusline/preview.ts'
import { shrinkPng } from './shrink-png.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const COLUMNS = 100

const scratch = mkdtempSync(join(tmpdir(), 'vigil-pictures-'))

/** The screen at the end of the demo round, without the words around it. */
function demoStatus(): string {
  const output = execFileSync(process.execPath, [join(ROOT, 'cli/start.ts')], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      HOME: scratch,
      PATH: '/usr/bin:/bin',
      TMPDIR: scratch,
      LANG: 'C.UTF-8',
      TZ: 'Europe/Berlin',
      FORCE_COLOR: '1',
      COLUMNS: String(COLUMNS),
    },
  })
  const paragraphs = output.trimEnd().split('\n\n')
  return paragraphs.filter(paragraph => !paragraph.startsWith('DEMO:')).join('\n\n')
}

function takePicture(text: string, path: string): void {
  const page = join(scratch, 'page.html')
  writeFileSync(page, pageOf(text))
  const measured = chromium(['--dump-dom', `file://${page}`])
  const [, width, height] = /<title>(\d+)x(\d+)<\/title>/.exec(measured)!
  chromium([
    `--window-size=${width},${height}`,
    '--force-device-scale-factor=2',
    `--screenshot=${path}`,
    `file://${page}`,
  ])
  writeFileSync(path, shrinkPng(readFileSync(path)))
  process.stdout.write(
    `${path}: ${width} x ${height} at double density, ${Math.ceil(statSync(path).size / 1024)} KiB\n`,
  )
}

function chromium(args: string[]): string {
  const profile = mkdtempSync(join(scratch, 'profile-'))
  const quiet = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--hide-scrollbars']
  const still = ['--disable-background-networking', '--disable-component-update', '--disable-sync']
  return execFileSync('/usr/bin/chromium', [...quiet, ...still, `--user-data-dir=${profile}`, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { HOME: scratch, PATH: '/usr/bin:/bin', LANG: 'C.UTF-8' },
    timeout: 60_000,
  })
}

function pageOf(text: string): string {
  return `<!doctype html><meta charset="utf-8"><title></title><style>
    body { margin: 0; background: #12161d; display: inline-block }
    pre { margin: 0; padding: 22px 28px; color: #d5dae2; font: 15px/1.5 'DejaVu Sans Mono', monospace }
    .bold { font-weight: bold; color: #f2f4f8 } .dim { color: #7d8694 } .red { color: #ff7b72 } .green { color: #56d364 }
    .yellow { color: #e3b341 } .cyan { color: #76c7f2 } span > .bold { color: inherit }
    .wide { display: inline-block; width: 2ch; line-height: 1; text-align: center } .wide i { font: 0.9em 'Noto Color Emoji' }
  </style><body><pre>${htmlOf(text)}</pre><script>
    const { width, height } = document.body.getBoundingClientRect()
    document.title = Math.ceil(width) + 'x' + Math.ceil(height)
  </script>`
}

const CLASSES: Record<string, string> = { 1: 'bold', 2: 'dim', 31: 'red', 32: 'green', 33: 'yellow', 36: 'cyan' }

/** Our styles are always closed from the inside out, so each end is that of the innermost. */
function htmlOf(text: string): string {
  const html = [...text].map(characterHtml).join('')
  return html.replace(/\x1b\[(\d+)m/g, (_all, code: string) =>
    CLASSES[code] === undefined ? '</span>' : `<span class="${CLASSES[code]}">`,
  )
}

function characterHtml(character: string): string {
  if (displayWidth(character) === 2) return `<span class="wide"><i>${character}</i></span>`
  return { '&': '&amp;', '<': '&lt;', '>': '&gt;' }[character] ?? character
}

/** Without the variant of private characters, which only a Nerd Font has. */
function statuslineStates(): string {
  const lines = previewText(Date.UTC(2026, 10, 20, 12), true)
    .trimEnd()
    .split('\n')
  return lines.filter(line => !line.startsWith('variant: nerd')).join('\n')
}

const only = process.argv[2]
try {
  if (only === undefined || only === 'status')
    takePicture(`\x1b[2m$\x1b[22m vigil status\n\n${demoStatus()}`, join(ROOT, 'docs/status.png'))
  if (only === undefined || only === 'statusline')
    takePicture(
      `\x1b[2m$\x1b[22m vigil statusline --preview\n\n${statuslineStates()}`,
      join(ROOT, 'docs/statusline.png'),
    )
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
